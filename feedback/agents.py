"""Who asked: a person's program, a machine, or a mailbox provider's image proxy.

Told from the user agent alone, so a gateway that calls itself a browser passes for a person. A person taken
for a machine loses a real open or click, which is worse than the reverse: what is not known is a person.
"""

import re
from functools import lru_cache

from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST = 200


class AgentKind(models.TextChoices):
    HUMAN = "human", _("Person")
    MACHINE = "machine", _("Machine")
    PROXY = "proxy", _("Image proxy")


_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|ggpht\.com", re.I)
# Apple Mail Privacy Protection loads pictures under this name and no more.
_BARE = "Mozilla/5.0"
# Robots by their names alone: a phone maker, and an app that scans paper and opens links for its reader.
_NOT_ROBOTS = re.compile(r"\bcubot\b|\bcamscanner\b", re.I)
_SAY_SO = re.compile(
    r"bots?(?![a-z])|bot[/_-]|crawl|spider|slurp|scrap[ey]|archive|fetcher|scan(?:ner|\b)|monitor|uptime|pingdom"
    r"|preview|capture|check(?:er|host|mark)|valid(?:at|ator)|lighthouse|pagespeed|speedcurve|webpagetest|ptst/|rigor"
    r"|dareboost|synthetic|headless|phantomjs|slimer|selenium|puppeteer|playwright|cypress/|splash |devtools|catchpoint"
    r"|nagios|zabbix|xymon|netcraft|facebookexternalhit|facebookcatalog|externalhit|externalagent|whatsapp/|embedly"
    r"|skypeuripreview|unfurl|iframely|onebox|google-|googleother|mediapartners|feedburner|feed(?:ly|fetcher|bin|parser)"
    r"|\brss|subscribers|sitemap|heritrix|nutch|barracuda|proofpoint|mimecast|safelinks|zgrab|masscan|nmap|nessus|nikto"
    r"|qualys|censys|shodan|clamav|index(?:er|ing)|search(?:bot|engine)|\bseo|(?:gomez|watch|http)agent|httpclient"
    r"|https?://[^)\s;]+|compatible;\s*[a-z]+\)",
    re.I,
)  # fmt: skip
# How browsers, mail programs and the pages inside other apps begin; whatever else has a name of its own is a
# library, a service or a script.
_PEOPLE_USE = re.compile(
    r"^(?:mozilla|opera|dalvik|blackberry|nokia|samsung|sonyericsson|lg|mot|ucweb|thunderbird|outlook|microsoft|apple"
    r"|mail|airmail|spark|evolution|kmail|em client|lotus|postbox|lynx|links|elinks|w3m|dillo|netsurf|ncsa_mosaic|htc"
    r"|zte|huawei|alcatel|sie-|onebrowser|j2me|mobilesafari|mozacfetch|android|\[fban|viber|com\.apple)"
    r"|midp|applewebkit",
    re.I,
)  # fmt: skip


@lru_cache(maxsize=4096)
def kind_of(agent: str, *, method: str = "GET") -> AgentKind:
    """Whom a user agent stands for. A HEAD request is a machine's, whatever it calls itself."""
    if method == "HEAD":
        return AgentKind.MACHINE
    if agent.strip() == _BARE or _PROXIES.search(agent):
        return AgentKind.PROXY
    if agent and (not _PEOPLE_USE.search(agent) or _SAY_SO.search(_NOT_ROBOTS.sub("", agent))):
        return AgentKind.MACHINE
    return AgentKind.HUMAN
