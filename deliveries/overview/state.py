"""How deliveries stand, in words and colours: the same few queries for a whole page of them."""

from collections.abc import Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from deliveries.ledger.tallies import Progress, progress_of
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Halt, ScheduleKind, Status


def annotate(deliveries: Sequence[Delivery]) -> None:
    """Each delivery knows its standing, and the stop of all sending that holds it; templates read both."""
    found, holding = progress_of(deliveries), halts_of(deliveries)
    for delivery in deliveries:
        delivery.standing = found.get(delivery.pk)  # type: ignore[attr-defined]  # a page's own attribute, read by templates
        delivery.halt = holding.get(delivery.pk)  # type: ignore[attr-defined]  # the same


def halts_of(deliveries: Sequence[Delivery]) -> dict[int, Halt]:
    """By delivery, the stop of all sending that holds it: of several the one nearest to its unit."""
    released = [delivery for delivery in deliveries if delivery.status in groups.RELEASED]
    if not released:
        return {}
    in_force = {halt.unit_id: halt for halt in Halt.objects.in_force().select_related("unit", "by")}
    held = {
        delivery.pk: [in_force[pk] for pk in delivery.unit.lineage if pk in in_force] for delivery in released
    }
    return {pk: halts[-1] for pk, halts in held.items() if halts}


def as_dict(delivery: Delivery) -> dict[str, Any]:
    """Whether a stop of all sending holds it, and whose and why: as data, beside its status."""
    halt: Halt | None = getattr(delivery, "halt", None)
    return {
        "held": halt is not None,
        "held_by": halt and halt.by.username,
        "held_because": halt and halt.reason,
    }


def label(delivery: Delivery) -> str | Promise:
    """The status as people read it: Starting, Held, Retrying 12, Finished, 3 unknown."""
    standing: Progress | None = getattr(delivery, "standing", None)
    if getattr(delivery, "halt", None):
        return _("Paused and held") if delivery.status == Status.PAUSED else pgettext("one delivery", "Held")
    if delivery.status == Status.SCHEDULED and _leaves_with_ok(delivery):
        return _("Starting")
    if delivery.status == Status.READY and delivery.is_recurring:
        return _("Ready: waiting for activation")
    if standing and delivery.status == Status.SENDING and standing.retrying and not standing.fresh:
        return _("Retrying %(number)s") % {"number": standing.retrying}
    if standing and delivery.status == Status.FINISHED and standing.unknown:
        return _("Finished, %(number)s unknown") % {"number": standing.unknown}
    return Status(delivery.status).label


def _leaves_with_ok(delivery: Delivery) -> bool:
    return delivery.contact_date is None and delivery.schedule_kind != ScheduleKind.LOCAL_HOUR


def tone(delivery: Delivery) -> str:
    """The colour where it is not the status' own: what is held, or finished with unknown outcomes, needs somebody."""
    if getattr(delivery, "halt", None):
        return "yellow"
    standing: Progress | None = getattr(delivery, "standing", None)
    return "yellow" if standing and standing.unknown and delivery.status == Status.FINISHED else ""
