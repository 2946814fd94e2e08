"""A mailbox provider that refused good addresses for a while: what it put into quarantine is let go again."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.models import Quarantine
from campaign.lib.refusals import Refusal

Status = Quarantine.Status

SHOWN = 50
LISTED = 1_000  # ids in the audit event
LONGEST = 255
# What no server said: a person, a list, the owner.
NOT_BY_ERRORS = ("by_hand", "complaint", "import", "suppressed")


class TooWide(Refusal):
    message = _("Say when it was, from and until, and a domain or a part of the error text.")
    code = "too_wide"


@dataclass(frozen=True)
class Outage:
    """Which errors were the provider's own: when, of which domain, with which words in their text."""

    since: datetime
    until: datetime
    domain: str = ""
    text: str = ""

    def entries(self) -> QuerySet[Quarantine]:
        """What is held or counted by such errors; raise TooWide for what would let everybody go."""
        domain = self.domain.strip().lower().lstrip("@")[:LONGEST]
        text = self.text.replace("\x00", "").strip()[:LONGEST]
        if self.since >= self.until or not (domain or text):
            raise TooWide
        rows = Quarantine.objects.filter(
            channel="email", status__in=(Status.QUARANTINE, Status.ERRONEOUS), last_error_at__gte=self.since,
            last_error_at__lte=self.until,
        ).exclude(Q(reason__in=NOT_BY_ERRORS) | Q(error_text="", reason=""))  # fmt: skip
        if domain:
            rows = rows.filter(address_key__endswith=f"@{domain}")
        if text:
            rows = rows.filter(error_text__icontains=text)
        return rows.order_by("address_key")


@dataclass(frozen=True)
class Affected:
    """How many addresses a repair lets go, and the first of them."""

    number: int
    first: list[Quarantine]


def foresee(outage: Outage, *, by: User) -> Affected:
    """What a repair would let go; nothing is changed. Raise TooWide."""
    access.require(by, Right.ADMINISTER, root())
    rows = outage.entries()
    return Affected(rows.count(), list(rows[:SHOWN]))


@transaction.atomic
def repair(outage: Outage, *, by: User, at: datetime) -> int:
    """These addresses may be used again, their errors up to now forgotten; returns how many. Raise TooWide.

    Complaints, and what a person or a list holds, stay as they are.
    """
    access.require(by, Right.ADMINISTER, root())
    ids = list(outage.entries().select_for_update().values_list("pk", flat=True))
    Quarantine.objects.filter(pk__in=ids).update(
        status=Status.VALID, errors=0, is_counted=False, forgiven_at=at
    )
    audit.record(
        "repair_quarantine", by=by, number=len(ids), since=outage.since.isoformat(), until=outage.until.isoformat(),
        domain=outage.domain[:LONGEST], text=outage.text[:LONGEST], entries=ids[:LISTED],
    )  # fmt: skip
    return len(ids)
