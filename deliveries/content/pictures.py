"""Pictures and styles that stand elsewhere: what is behind their addresses may change after somebody approved them.

They are named for whoever decides. Nothing is ever fetched.
"""

import re
from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext_noop as n_

from deliveries.content import references
from deliveries.content.findings import Finding
from deliveries.content.reading.markup import Token, tokens

# The attributes by which a reader's program fetches a picture.
PLACES = {"img": ("src",), "body": ("background",), "table": ("background",), "td": ("background",)} | {
    "th": ("background",), "tr": ("background",), "source": ("src",), "video": ("poster", "src"), "input": ("src",),
    "v:fill": ("src",), "v:image": ("src",), "v:imagedata": ("src",),
}  # fmt: skip
_MORE_PLACES = {"link": ("href",), "image": ("href", "xlink:href"), "audio": ("src",), "track": ("src",)}
_LISTS = {"img": "srcset", "source": "srcset"}
_HOST = re.compile(r"\s*(?:https?:)?//(?P<host>[^/?#\s\\\"'<>{}]+)", re.I)
_CSS = re.compile(r"""(?:url\(|@import)\s*["']?(?P<address>(?:https?:)?//[^\s"')]{1,2000})""", re.I)
MOST_NAMED = 10


def findings(html: str, *, own: str) -> list[Finding]:
    """Return one finding for each host from which compiled HTML takes pictures or styles, MOST_NAMED at most.

    `own` is what the addresses of ours begin with.
    """
    hosts = Counter(_host(address) for address in _addresses(html) if not address.startswith(own))
    hosts.pop("", None)
    text = n_(
        "Pictures or styles from %(host)s: %(number)s. What stands there can still change after the approval; "
        "nobody here looks. Upload them with the content, and they can't."
    )
    found = [
        Finding("info", "external_picture", text, "html", None, {"host": host[:253], "number": number})
        for host, number in hosts.most_common(MOST_NAMED)
    ]
    if len(hosts) > MOST_NAMED:
        more = n_("Pictures or styles come from %(number)s more hosts.")
        slots = {"number": len(hosts) - MOST_NAMED}
        found.append(Finding("info", "external_picture", more, "html", None, slots))
    return found


def _host(address: str) -> str:
    match = _HOST.match(address)
    return match.group("host").rpartition("@")[2].lower() if match else ""


def _addresses(html: str) -> Iterator[str]:
    for token in tokens(html):
        if token.kind == "raw" and token.name == "style":
            yield from _in_css(html[token.start : token.end])
        elif token.kind == "start":
            yield from _of_tag(html, token)


def _of_tag(html: str, token: Token) -> Iterator[str]:
    for name in (*PLACES.get(token.name, ()), *_MORE_PLACES.get(token.name, ())):
        yield _value(html, token, name)
    for candidate in _value(html, token, _LISTS.get(token.name, "")).split(","):
        yield candidate.strip()
    yield from _in_css(_value(html, token, "style"))


def _value(html: str, token: Token, name: str) -> str:
    attribute = token.attribute(name) if name else None
    return (
        references.in_attribute(html[attribute.value_start : attribute.value_end]).strip()
        if attribute
        else ""
    )


def _in_css(css: str) -> Iterator[str]:
    for match in _CSS.finditer(css):
        yield match.group("address")
