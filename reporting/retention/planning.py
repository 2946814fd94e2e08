"""What would go if retention were applied at a moment: by delivery and kind, counted by a few statements for all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Length

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from accounts.roles import root
from deliveries.models import Delivery, LegalHold, RetentionKind, RetentionPeriod
from deliveries.retention import whole
from deliveries.retention.due import OfUnit, due, of_units
from feedback import forgetting
from reporting.retention.kinds import KINDS, OF_UNITS, OfUnits


@dataclass(frozen=True)
class Line:
    """Rows of one kind of one delivery, or of a unit; neither: mail that is about no delivery."""

    delivery: Delivery | None
    kind: RetentionKind
    rows: int
    days: int
    set_by: str
    goes_at_once: bool = False  # with the whole range of deliveries in which its rows lie
    unit: OrganizationalUnit | None = None

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            "delivery": self.delivery.name if self.delivery else None, "kind": str(self.kind), "rows": self.rows,
            "days": self.days, "set_by": self.set_by, "goes_at_once": self.goes_at_once,
            "unit": self.unit.label if self.unit else None,
        }  # fmt: skip


def plan(*, at: datetime, units: Iterable[int] | None = None) -> list[Line]:
    """What would go at `at`, of these units alone if any are named; the deliveries that ended first come first."""
    units = None if units is None else list(units)
    found = [
        (kind, each) for kind in KINDS for each in due(kind.kind, at=at, rows=kind.has_rows, units=units)
    ]
    deliveries = Delivery.objects.in_bulk([each.delivery_id for _kind, each in found])
    labels = dict(
        OrganizationalUnit.objects.filter(pk__in={each.unit_id for _kind, each in found}).values_list(
            "pk", "label"
        )
    )
    numbers = {
        kind.kind: kind.count([each.delivery_id for of, each in found if of is kind]) for kind in KINDS
    }
    of_ranges = whole.find(
        [each.delivery_id for kind, each in found if kind.kind == RetentionKind.RECIPIENTS]
    )
    at_once = frozenset[int]().union(*(each.deliveries for each in of_ranges))
    lines = [
        Line(
            deliveries[each.delivery_id], kind.kind, numbers[kind.kind].get(each.delivery_id, 0), each.days,
            labels[each.unit_id], kind.kind == RetentionKind.RECIPIENTS and each.delivery_id in at_once,
        )
        for kind, each in found
    ]  # fmt: skip
    lines.sort(key=lambda line: line.delivery.pk if line.delivery else 0)
    return lines + _of_units(at, units) + _loose(at, units)


def due_recipients(at: datetime, units: list[int] | None) -> list[int]:
    """The deliveries whose rows of recipients would go at `at`, of these units alone if any are named."""
    kind = next(kind for kind in KINDS if kind.kind == RetentionKind.RECIPIENTS)
    return [each.delivery_id for each in due(kind.kind, at=at, rows=kind.has_rows, units=units)]


def _of_units(at: datetime, units: list[int] | None) -> list[Line]:
    """What goes of each unit, and of what is not over yet."""
    settings = of_units([kind.kind for kind in OF_UNITS], units=units)
    known = OrganizationalUnit.objects.in_bulk(
        {pk for one in settings for pk in (one.unit_id, one.set_by_id)}
    )
    lines = []
    for kind in OF_UNITS:
        found = [one for one in settings if one.kind == kind.kind]
        rows = kind.count(_before(found, at)) if found else {}
        lines += [
            Line(
                None, kind.kind, rows[each.unit_id], each.days, known[each.set_by_id].label,
                unit=known[each.unit_id],
            )
            for each in found if rows.get(each.unit_id)
        ]  # fmt: skip
    return lines


def of_units_before(kind: OfUnits, at: datetime, units: list[int] | None) -> dict[int, datetime]:
    """Before which moment rows of the kind go at `at`, by unit; without those that keep them for ever."""
    return _before(of_units([kind.kind], units=units), at)


def _before(found: list[OfUnit], at: datetime) -> dict[int, datetime]:
    return {each.unit_id: at - timedelta(days=each.days) for each in found}


def _loose(at: datetime, units: list[int] | None) -> list[Line]:
    before = loose_before(at)
    if before is None or (units is not None and root().pk not in units):
        return []
    number = forgetting.loose_mail(before)
    days = (at - before).days
    return [Line(None, RetentionKind.MAIL, number, days, root().label)] if number else []


def loose_before(at: datetime) -> datetime | None:
    """Mail that is about no delivery goes if it came before this, as the unit above all has it; None: it stays."""
    top = root()
    if LegalHold.objects.in_force().filter(unit=top).exists():
        return None
    period = RetentionPeriod.objects.filter(unit=top, kind=RetentionKind.MAIL).first()
    return at - timedelta(days=period.days) if period is not None and period.days else None


def administered(by: User | None, *, unit: OrganizationalUnit | None = None) -> list[int] | None:
    """The units of which this person may apply retention: of `unit` and below if one is named. None: of all.

    Raise NotAllowed for whoever may not administer the unit, and without one for whoever administers none.
    """
    if by is None:
        return None
    rows = access.units(by, Right.ADMINISTER)
    if unit is not None:
        access.require(by, Right.ADMINISTER, unit)
        rows = rows.filter(path__startswith=unit.path)
    ids = list(rows.order_by(Length("path")).values_list("pk", flat=True))
    if not ids:
        raise access.NotAllowed(by=by, right=Right.ADMINISTER, target=OrganizationalUnit())
    return ids
