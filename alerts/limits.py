"""The limits of units: each says what it wants, and the rest holds as above; at the top, as the installation has it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from alerts.conditions import Limits
from alerts.models import AlertLimits
from campaign.lib.refusals import Refusal

NAMES = tuple(field.name for field in fields(Limits))


class UnfitLimit(Refusal):
    message = _("%(field)s: %(problem)s")
    code = "unfit_limit"
    exit_code = 2


def said() -> dict[int, AlertLimits]:
    """Return what units say of themselves, by unit; one query."""
    return {row.unit_id: row for row in AlertLimits.objects.all()}


def in_force(lineage: Sequence[int], rows: Mapping[int, AlertLimits]) -> Limits:
    """Return what holds at the end of a lineage, which leads from the root down."""
    held: dict[str, Any] = {}
    for unit_id in lineage:
        if (row := rows.get(unit_id)) is not None:
            held |= {name: getattr(row, name) for name in NAMES if getattr(row, name) is not None}
    return Limits(**held)


def of_unit(unit: OrganizationalUnit) -> Limits:
    """Return what holds in the unit; one query."""
    rows = AlertLimits.objects.filter(unit__in=unit.lineage)
    return in_force(unit.lineage, {row.unit_id: row for row in rows})


def own(unit: OrganizationalUnit) -> AlertLimits:
    """Return what the unit says itself: an unsaved row where it says nothing."""
    return AlertLimits.objects.filter(unit=unit).first() or AlertLimits(unit=unit)


@transaction.atomic
def save(*, unit: OrganizationalUnit, by: User, **values: Any) -> AlertLimits:
    """The unit says these of its alerts; what is not named stays, and None holds as above.

    Raise NotAllowed without the right to administer the unit, and UnfitLimit for a value out of its bounds.
    """
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    access.require(by, Right.ADMINISTER, unit)
    row = own(unit)
    before = {name: getattr(row, name) for name in NAMES}
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.clean_fields(exclude=["unit"])
    except ValidationError as error:
        name, problems = next(iter(error.message_dict.items()))
        label = {field.name: field.verbose_name for field in AlertLimits._meta.fields}[name]
        raise UnfitLimit(field=label, problem=" ".join(problems)) from error
    after = {name: getattr(row, name) for name in NAMES}
    if after != before:
        row.save()
        audit.record("save_alert_limits", by=by, target=unit, before=_plain(before), after=_plain(after))
    return row


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON takes it: a number with decimals as its text."""
    return {
        name: value if value is None or isinstance(value, bool | int) else str(value)
        for name, value in values.items()
    }
