"""A mailbox provider that refused good addresses for a while: what it put into quarantine is let go again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences import mail_exchanges
from audiences.models import ErrorReason, MailExchange, Quarantine
from audiences.quarantine import writer
from campaign.lib.refusals import Refusal

Status = Quarantine.Status

SHOWN = 50
LISTED = 1_000  # ids in the audit event
LONGEST = 255
# What no server said: a person, a list, the owner.
NOT_BY_ERRORS = (ErrorReason.BY_HAND, ErrorReason.COMPLAINT, ErrorReason.IMPORT, ErrorReason.SUPPRESSED)


class TooWide(Refusal):
    message = _("Say when it was, from and until, and a domain, an MX host or a part of the error text.")
    code = "too_wide"


@dataclass(frozen=True)
class Outage:
    """Which errors were the provider's own: when, of which domain or behind which MX host, with which words."""

    since: datetime
    until: datetime
    domain: str = ""
    text: str = ""
    mx_host: str = ""

    def entries(self) -> QuerySet[Quarantine]:
        """What is held or counted by such errors; raise TooWide for what would let everybody go."""
        rows, host = self._whatever_host(), self._host()
        if self.since >= self.until or not (self._domain() or self._text() or host):
            raise TooWide
        if host:
            rows = rows.alias(domain=mail_exchanges.domain_of("address_key")).filter(
                domain__in=mail_exchanges.domains_at(host).values("domain")
            )
        return rows.order_by("address_key")

    def unknown_domains(self) -> QuerySet[Any]:
        """The domains of such errors whose MX hosts nobody knows yet; none where no host was named."""
        rows = self._whatever_host() if self._host() else Quarantine.objects.none()
        answered = MailExchange.objects.exclude(outcome=MailExchange.Outcome.UNKNOWN)
        named = rows.annotate(domain=mail_exchanges.domain_of("address_key"))
        return named.exclude(domain__in=answered.values("domain")).order_by().values("domain").distinct()

    def _whatever_host(self) -> QuerySet[Quarantine]:
        rows = by_errors(
            status__in=(Status.QUARANTINE, Status.ERRONEOUS),
            last_error_at__gte=self.since,
            last_error_at__lte=self.until,
        )
        if domain := self._domain():
            rows = rows.filter(address_key__endswith=f"@{domain}")
        if text := self._text():
            rows = rows.filter(error_text__icontains=text)
        return rows

    def _domain(self) -> str:
        return _plain(self.domain).lower().lstrip("@")

    def _text(self) -> str:
        return _plain(self.text)

    def _host(self) -> str:
        return _plain(self.mx_host).strip(".")


def _plain(text: str) -> str:
    return text.replace("\x00", "").strip()[:LONGEST]


def by_errors(**chosen: Any) -> QuerySet[Quarantine]:
    """Of these entries those that errors brought in: no complaint, no person, no list."""
    rows = Quarantine.objects.filter(channel="email", **chosen)
    return rows.exclude(Q(reason__in=NOT_BY_ERRORS) | Q(error_text="", reason=""))


def let_go(rows: QuerySet[Quarantine], *, at: datetime) -> list[int]:
    """These addresses may be used again, their errors up to now forgotten; returns the keys of their entries."""
    ids = list(rows.select_for_update().values_list("pk", flat=True))
    writer.let_go(ids, at=at, is_told=False)
    return ids


@dataclass(frozen=True)
class Affected:
    """How many addresses a repair lets go, and the first of them.

    `unknown`: of so many domains nobody knows the MX host yet; they are being looked up.
    """

    number: int
    first: list[Quarantine]
    unknown: int = 0


def foresee(outage: Outage, *, by: User) -> Affected:
    """What a repair would let go; no address is changed. Raise TooWide.

    Where a host was named, domains that nobody asked DNS about yet are looked up in the background.
    """
    access.require(by, Right.ADMINISTER, root())
    rows = outage.entries()
    unknown = list(outage.unknown_domains().values_list("domain", flat=True)[: mail_exchanges.AT_ONCE])
    if unknown:
        mail_exchanges.want_of([f"@{domain}" for domain in unknown])
    return Affected(rows.count(), list(rows[:SHOWN]), len(unknown))


@transaction.atomic
def repair(outage: Outage, *, by: User, at: datetime) -> int:
    """These addresses may be used again, their errors up to now forgotten; returns how many. Raise TooWide.

    Complaints, and what a person or a list holds, stay as they are.
    """
    access.require(by, Right.ADMINISTER, root())
    ids = let_go(outage.entries(), at=at)
    audit.record(
        "repair_quarantine", by=by, number=len(ids), since=outage.since.isoformat(), until=outage.until.isoformat(),
        domain=outage.domain[:LONGEST], text=outage.text[:LONGEST], mx_host=outage.mx_host[:LONGEST],
        entries=ids[:LISTED],
    )  # fmt: skip
    return len(ids)
