"""Whether receivers can tell that mail is the sender's own: signature, return path, and what DNS says of both.

DKIM and SPF each speak for a domain, DMARC asks that one of them be the sender's. What DNS says is read from rows;
nothing here asks it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_noop as n_

from campaign.lib import mail_domains
from deliveries.channels.dkim import UnusableKey
from deliveries.channels.paths import domain_key
from deliveries.content.findings import Finding, Level
from deliveries.models import DnsAnswer, Route
from deliveries.routing import dns_answers, signing

STRICT = {"quarantine", "reject"}
_DMARC = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")


@dataclass(frozen=True)
class Way:
    """A sender's domain, and the route that its mail leaves by."""

    domain: str
    route: Route

    @property
    def return_path(self) -> str:
        """The domain that bounces come back to, and that SPF speaks of."""
        return domain_key(self.route.return_path_domain) or self.domain

    @property
    def is_signed_for(self) -> bool:
        return mail_domains.are_aligned(self.domain, domain_key(self.route.dkim_domain))

    @property
    def key_name(self) -> str:
        """Where the public key must be; empty where the route signs nothing."""
        route = self.route
        return (
            f"{route.dkim_selector}._domainkey.{domain_key(route.dkim_domain)}" if route.dkim_domain else ""
        )

    @property
    def names(self) -> list[str]:
        """What DNS must be asked to judge it."""
        names = {*names_of_domain(self.domain), *_public(self.return_path), *_public(self.key_name)}
        return sorted(name for name in names if len(name) <= 253)


def way_of(sender: str, route: Route) -> Way:
    """How mail of this sender's address leaves by the route."""
    return Way(signing.domain_of(sender), route)


def names_of_domain(domain: str) -> list[str]:
    """What DNS must be asked of a sender's domain; nothing of one that is set aside for examples."""
    above = mail_domains.organizational(domain)
    names = dict.fromkeys([domain, f"_dmarc.{domain}", f"_dmarc.{above}"])
    return [name for name in names if _public(domain) and len(name) <= 253]


def _public(name: str) -> list[str]:
    return [name] if name and not mail_domains.is_reserved(name) else []


# -- what the route alone tells ---------------------------------------------------------------------------


def of_return_path(way: Way) -> list[Finding]:
    """Where bounces come back to another organization, and whether that leaves anything that speaks for the sender."""
    if mail_domains.are_aligned(way.domain, way.return_path):
        return []
    slots = {"domain": way.domain, "return_path": way.return_path}
    if way.is_signed_for:
        text = n_(
            "Bounces come back to %(return_path)s, so of the sender's domain %(domain)s only the signature speaks."
        )
        return [Finding("info", "return_path_domain", text, "route", None, slots)]
    text = n_(
        "Bounces come back to %(return_path)s, and nothing is signed for %(domain)s: receivers can't tell that the "
        "mail is the sender's own."
    )
    return [Finding("warning", "return_path_domain", text, "route", None, slots)]


# -- what DNS tells ---------------------------------------------------------------------------------------


def of_dns(way: Way, answers: "Answers | None" = None) -> list[Finding]:
    """What DNS said of the sender's domain, the return path and the key, as far as it was asked.

    `answers` are the rows of its names, for whoever has read them for many.
    """
    answers = dns_answers.known(way.names) if answers is None else answers
    found = [
        *_of_domain(way, answers),
        *_of_key(way, answers),
        *_of_spf(way, answers),
        *_of_dmarc(way, answers),
    ]
    gone = {each.code for each in found} & {"sender_domain_unknown"}
    return [each for each in found if not gone or each.code in {"sender_domain_unknown", "dkim_record"}]


Answers = dict[str, DnsAnswer]


def _of_domain(way: Way, answers: Answers) -> Iterator[Finding]:
    answer = answers.get(way.domain)
    if answer is not None and answer.outcome == dns_answers.Outcome.NO_DOMAIN:
        text = n_(
            "DNS knows no domain %(domain)s (asked on %(asked)s): nobody can answer, and receivers refuse it."
        )
        yield _told("sender_domain_unknown", text, answer, where="from_address", domain=way.domain)


def _of_key(way: Way, answers: Answers) -> Iterator[Finding]:
    answer = answers.get(way.key_name)
    if answer is None:
        return
    try:
        record = signing.record_of(way.route)
    except UnusableKey:  # which the signature's own finding says
        return
    if answer.outcome != dns_answers.Outcome.FOUND:
        text = n_("DNS holds no key at %(name)s (asked on %(asked)s): receivers can't check the signature.")
        yield _told("dkim_record", text, answer, name=way.key_name)
    elif record is not None and not signing.holds(record, answer.texts):
        text = n_(
            "DNS holds another key at %(name)s (asked on %(asked)s): each signature is broken for receivers."
        )
        yield _told("dkim_record", text, answer, name=way.key_name)


def _of_spf(way: Way, answers: Answers) -> Iterator[Finding]:
    answer = answers.get(way.return_path)
    if answer is None:
        return
    records = spf_records(answer.texts)
    if not records:
        text = n_("%(domain)s has no SPF record (asked on %(asked)s): it doesn't say who may send for it.")
        yield _told("spf_missing", text, answer, domain=way.return_path)
    elif len(records) > 1:
        text = n_(
            "%(domain)s has %(number)s SPF records (asked on %(asked)s), so receivers take none of them."
        )
        yield _told("spf_many", text, answer, domain=way.return_path, number=len(records))
    elif records[0].lower().split()[-1] in {"+all", "all"}:
        text = n_("The SPF record of %(domain)s lets everybody send for it (asked on %(asked)s).")
        yield _told("spf_open", text, answer, domain=way.return_path)


def _of_dmarc(way: Way, answers: Answers) -> Iterator[Finding]:
    answer = answers.get(f"_dmarc.{way.domain}")
    if answer is None:
        return
    policy = dmarc_policy(way.domain, answers)
    if policy is None:
        return
    if not policy:
        text = n_("%(domain)s has no DMARC record (asked on %(asked)s): large mailbox providers ask for one.")
        yield _told("dmarc_missing", text, answer, domain=way.domain)
    elif policy in STRICT and not way.is_signed_for:
        if not mail_domains.are_aligned(way.domain, way.return_path):
            text = n_(
                "DMARC of %(domain)s says “%(policy)s” (asked on %(asked)s), and neither a signature nor the return "
                "path of this route is the sender's: receivers will do so."
            )
        else:
            text = n_(
                "DMARC of %(domain)s says “%(policy)s” (asked on %(asked)s), and this route signs nothing: it passes "
                "only where SPF lets the relay send, and fails once it is forwarded."
            )
        yield _told("dmarc_fails", text, answer, domain=way.domain, policy=policy)


def _told(code: str, text: str, answer: DnsAnswer, *, where: str = "route", **slots: Any) -> Finding:
    level: Level = "warning"
    return Finding(level, code, text, where, None, slots | {"asked": _day(answer.answered_at)})


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "–"


# -- reading records --------------------------------------------------------------------------------------


def spf_records(texts: Iterable[str]) -> list[str]:
    """The SPF records among the TXT records of a name (RFC 7208, 4.5)."""
    return [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def dmarc_policy(domain: str, answers: Answers) -> str | None:
    """What DMARC asks for mail of the domain: none, quarantine or reject; empty without a record, None if unknown.

    The record of the domain itself holds, or else that of its organization, with its own say for subdomains.
    """
    above = mail_domains.organizational(domain)
    own, organization = answers.get(f"_dmarc.{domain}"), answers.get(f"_dmarc.{above}")
    if own is None:
        return None
    if tags := _dmarc_tags(own.texts):
        return tags.get("p", "none").lower()
    if organization is None:
        return None
    tags = _dmarc_tags(organization.texts)
    return (tags.get("sp") or tags.get("p", "none")).lower() if tags else ""


def _dmarc_tags(texts: Iterable[str]) -> dict[str, str]:
    """The tags of the one DMARC record (RFC 7489, 6.6.3); nothing where there is none, or more than one."""
    records = [_tags(text) for text in texts if _DMARC.match(text)]
    return records[0] if len(records) == 1 else {}


def _tags(text: str) -> dict[str, str]:
    pairs = (pair.partition("=")[::2] for pair in text.split(";"))
    return {name.strip().lower(): value.strip() for name, value in pairs if name.strip()}
