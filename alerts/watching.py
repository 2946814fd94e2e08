"""The look: what holds now is an open alert, and what holds no more is none. It may run twice, late, or not at all.

One statement finds what is known of all deliveries that could need an alert. Each alert opens and closes in a
transaction of its own, in which everybody is told, webhooks get their messages and, where a limit says so, the send is
held: whoever comes second finds it done.
"""

import logging
from datetime import datetime
from decimal import Decimal

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

from alerts import choices, conditions, figures, queues, words
from alerts import limits as limiting
from alerts.conditions import Found
from alerts.figures import Standing
from alerts.models import Alert, Baseline, Condition, WebhookEvent
from alerts.webhooks import messages
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.sending.control import holding

logger = logging.getLogger(__name__)

AT_ONE_LOOK = 500  # alerts; the next look goes on


def look(at: datetime | None = None, *, is_wide: bool = False) -> int:
    """Open and close alerts as things stand; return how many were opened. `is_wide`: with what ended within a week."""
    at = at or clock.now()
    standing = figures.standings(at, is_wide=is_wide)
    usual = _usual(standing, at)
    rows = limiting.said()
    open_alerts = _open()
    opened = 0
    for one in standing:
        mine = open_alerts.get(one.delivery_id, {})
        limits = limiting.in_force(one.lineage, rows)
        found = conditions.of(one, limits, usual.get(one.unit_id), at=at, open_now=frozenset(mine))
        opened += _settle(one, found, mine, at=at)
        if opened >= AT_ONE_LOOK:
            break
    figures.note_pulse(standing, at=at)
    return opened


def _usual(standing: list[Standing], at: datetime) -> dict[int, Baseline]:
    """What is usual in the units of what has answers; counted anew where that was long ago."""
    units = {one.unit_id for one in standing if one.answered}
    known = {row.unit_id: row for row in Baseline.objects.filter(unit__in=units)}
    old = {pk for pk in units if pk not in known or known[pk].at < at - figures.KEPT}
    if old:
        figures.count_usual(old, at=at)
        known |= {row.unit_id: row for row in Baseline.objects.filter(unit__in=old)}
    return known


def _open() -> dict[int, dict[str, Alert]]:
    """By delivery, its open alerts by condition."""
    found: dict[int, dict[str, Alert]] = {}
    for alert in Alert.objects.open():
        found.setdefault(alert.delivery_id, {})[alert.condition] = alert
    return found


def _settle(one: Standing, found: list[Found], mine: dict[str, Alert], *, at: datetime) -> int:
    """The open alerts of one delivery are what was found; return how many were opened."""
    opened = 0
    holding_now = {each.condition for each in found}
    try:
        for each in found:
            alert = mine.get(each.condition)
            if alert is None:
                opened += open_alert(one.delivery_id, each, at=at)
            elif each.holds and alert.held_at is None:
                hold_for(alert.pk, each, at=at)
        for condition, alert in mine.items():
            if condition not in holding_now:
                close(alert.pk, at=at)
    except (InterfaceError, OperationalError):
        raise
    except DatabaseError:
        logger.exception("alerts of delivery %s could not be settled", one.delivery_id)
    return opened


def open_alert(delivery_id: int, found: Found, *, at: datetime) -> int:
    """Open one alert, tell everybody, and hold the send if its limit says so; 0 where it is open already."""
    try:
        with transaction.atomic():
            delivery = Delivery.objects.select_related("unit", "preparation").get(pk=delivery_id)
            alert = Alert(delivery=delivery, condition=found.condition, opened_at=at)
            _note(alert, found, at)
            alert.save(force_insert=True)
            _spread(alert, WebhookEvent.OPENED, at)
    except (IntegrityError, Delivery.DoesNotExist):
        return 0
    return 1


@transaction.atomic
def hold_for(alert_id: int, found: Found, *, at: datetime) -> bool:
    """An alert that is open has come to hold the send; return whether it did so now."""
    alert = _locked(alert_id)
    if alert is None or alert.held_at is not None:
        return False
    _note(alert, found, at)
    if alert.held_at is None:
        return False
    alert.save()
    _spread(alert, WebhookEvent.HELD, at)
    return True


def _note(alert: Alert, found: Found, at: datetime) -> None:
    """What was found stands in the alert, and the send is held where that says so."""
    alert.part, alert.base, alert.percent = found.part, found.base, found.percent
    alert.limit, alert.typical = found.limit, found.typical
    if not found.holds:
        return
    slots = {"percent": _slot(found.percent), "limit": _slot(found.limit), "base": found.base}
    because = words.HELD[Condition(alert.condition)]
    if holding.hold(delivery=alert.delivery, at=at, because=because, **slots):
        alert.held_at = at
        alert.delivery.refresh_from_db(fields=["status"])  # webhooks are told of it


def _slot(value: Decimal | None) -> float | int:
    """A number as a log keeps it, which is written in the language of whoever reads: 12.5, and 1 for 1.00."""
    number = float(value or 0)
    return int(number) if number.is_integer() else number


def _spread(alert: Alert, event: WebhookEvent, at: datetime) -> None:
    """Everybody is told who wants to be."""
    if event != WebhookEvent.CLOSED and choices.tell(alert, at=at):
        queues.MAIL.enqueue(job_id="alert-mail")
    if messages.write(alert, event, at=at):
        queues.CALL.enqueue(job_id="webhooks")


@transaction.atomic
def close(alert_id: int, *, at: datetime) -> bool:
    """Its condition holds no more; return False where somebody else has seen to it."""
    alert = _locked(alert_id)
    if alert is None:
        return False
    alert.closed_at = at
    alert.save(update_fields=["closed_at"])
    _spread(alert, WebhookEvent.CLOSED, at)
    return True


def _locked(alert_id: int) -> Alert | None:
    """The open alert, its delivery locked before it."""
    rows = Alert.objects.open().filter(pk=alert_id)
    delivery_id = rows.values_list("delivery_id", flat=True).first()
    if delivery_id is None:
        return None
    Delivery.objects.locked(delivery_id)
    related = rows.select_for_update(of=("self",)).select_related("delivery__unit", "delivery__preparation")
    return related.first()
