"""How long a unit keeps what is about single people: set by its administrators, for it and for all below."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries.models import Delivery, RetentionKind, RetentionPeriod
from deliveries.models.retention import FOR_EVER, LONGEST_DAYS, OF_UNITS, SHORTEST_DAYS, nearest_first

# What is shipped as a suggestion: it acts nowhere until somebody sets it.
SUGGESTED = {
    RetentionKind.RECIPIENTS: 365, RetentionKind.REACTIONS: 180, RetentionKind.MAIL: 90, RetentionKind.PROOFS: 90,
    RetentionKind.IMPORTS: 90, RetentionKind.SIGN_UPS: 30,
}  # fmt: skip
MEANINGS: dict[str, str | Promise] = {
    RetentionKind.RECIPIENTS: _(
        "Messages with their addresses and values, exclusions, tries, unknown outcomes and bounces, row by row, and "
        "the addresses in what mails report of them."
    ),
    RetentionKind.REACTIONS: _("The rows of the tracking log: who opened and clicked what, and when."),
    RetentionKind.MAIL: _(
        "Bounces, complaints and replies as they arrived by mail. What was read from them stays."
    ),
    RetentionKind.PROOFS: _(
        "The addresses that proofs went to and the values that filled them. "
        "That a proof was sent, when and by whom stays. Of a delivery that is not over they go so many days after the "
        "proof."
    ),
    RetentionKind.IMPORTS: _(
        "What was wrong with lines of a file, with the values that stood there. How many problems there were stays."
    ),
    RetentionKind.SIGN_UPS: _(
        "Addresses that somebody typed into a sign-up form and nobody confirmed. Confirmed ones are evidence: they "
        "stay for as long as the person is known."
    ),
}


class DaysOutOfRange(Refusal):
    message = _(
        "%(kind)s: “%(days)s” must be 0, for ever, or a whole number from %(least)s to %(most)s days."
    )
    code = "days_out_of_range"
    exit_code = 2


@dataclass(frozen=True)
class Held:
    """What holds in a unit for one kind: its own days, those that hold, and the unit that says so."""

    kind: RetentionKind
    own: int | None
    days: int | None
    set_by: OrganizationalUnit | None

    @property
    def suggested(self) -> int:
        return SUGGESTED[self.kind]

    @property
    def meaning(self) -> str | Promise:
        return MEANINGS[self.kind]

    @property
    def words(self) -> str:
        return in_words(self.kind, self.days)


def in_words(kind: RetentionKind, days: int | None) -> str:
    """A period as people read it; what nobody has set is kept as what is set to be kept."""
    if not days:
        return str(_("kept for ever"))
    if kind in OF_UNITS:
        return ngettext("%(n)s day after it came", "%(n)s days after it came", days) % {"n": days}
    return ngettext("%(n)s day after the end", "%(n)s days after the end", days) % {"n": days}


def of_unit(unit: OrganizationalUnit) -> list[Held]:
    """What holds in the unit for each kind; one query."""
    rows = nearest_first(RetentionPeriod.objects.filter(unit__in=unit.lineage).select_related("unit"))
    nearest: dict[str, RetentionPeriod] = {}
    for row in rows:
        nearest.setdefault(row.kind, row)
    return [_held(kind, nearest.get(kind), unit) for kind in RetentionKind]


def of_delivery(delivery: Delivery) -> list[Held]:
    """What holds for the delivery's own rows, of each kind; one query."""
    return [each for each in of_unit(delivery.unit) if each.kind not in OF_UNITS]


def _held(kind: RetentionKind, row: RetentionPeriod | None, unit: OrganizationalUnit) -> Held:
    if row is None:
        return Held(kind, None, None, None)
    return Held(kind, row.days if row.unit_id == unit.pk else None, row.days, row.unit)


@transaction.atomic
def save(*, unit: OrganizationalUnit, days: Mapping[str, int | None], by: User) -> None:
    """The unit keeps these kinds so many days, 0: for ever; None: as the unit above has it. Others stay.

    Raise access.NotAllowed, and DaysOutOfRange for a number that is none of these.
    """
    access.require(by, Right.ADMINISTER, unit)
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    own = RetentionPeriod.objects.filter(unit=unit)
    before = dict(own.values_list("kind", "days"))
    wanted = before | {str(RetentionKind(kind)): checked(kind, number) for kind, number in days.items()}
    after = {kind: number for kind, number in wanted.items() if number is not None}
    if after == before:
        return
    own.exclude(kind__in=after).delete()
    for kind, number in after.items():
        RetentionPeriod.objects.update_or_create(unit=unit, kind=kind, defaults={"days": number})
    audit.record("save_retention", by=by, target=unit, before=before, after=after)


def checked(kind: str, days: int | None) -> int | None:
    """The days; raise DaysOutOfRange."""
    if days is None or days == FOR_EVER or SHORTEST_DAYS <= days <= LONGEST_DAYS:
        return days
    label = RetentionKind(kind).label
    raise DaysOutOfRange(kind=label, days=days, least=SHORTEST_DAYS, most=LONGEST_DAYS)
