"""Series at any stage, the clock at their moments, and their runs."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from audiences.models import AudienceMember
from audiences.tests.factories import ProfileFactory
from campaign.lib import clock
from deliveries import jobs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import DeliveryFactory, bring_to, person

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)


def rule_for(**changes: Any) -> dict[str, Any]:
    """A run each day at nine in Paris, from the day after tomorrow."""
    start = (clock.now().astimezone(PARIS) + 2 * DAY).date()
    nine = datetime.min.time().replace(hour=9)
    return {"rule": "FREQ=DAILY", "starts_on": start, "at": nine, **changes}


def series_of(*, recipients: int = 2, stage: str = "active", policy: str = "", **changes: Any) -> Delivery:
    """A series to `recipients` people: `draft`, `ready`, or `active` by somebody who may start it."""
    delivery = DeliveryFactory(
        schedule_kind=ScheduleKind.RECURRING, time_zone="Europe/Paris", recurrence=rule_for(**changes),
        recipients=recipients, approval_policy=policy,
    )  # fmt: skip
    if stage != "draft":
        bring_to(delivery, "ready", by=person("prepare", delivery.unit))
    delivery.refresh_from_db()
    if stage == "active":
        starter = person("start", delivery.unit)
        confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now())
    return Delivery.objects.get(pk=delivery.pk)


def go_to(moment: datetime) -> None:
    """The clock of every session shows this moment, and a tick sees what is due."""
    clock.set_offset(timedelta())
    clock.set_offset(moment - clock.now())
    jobs.tick()


def work() -> None:
    """What the workers do: prepare what was asked for, and tick."""
    for pk in Delivery.objects.filter(status=Status.PREPARING).values_list("preparation_id", flat=True):
        preparation.run(preparation_id=pk)
    jobs.tick()


def send_all() -> None:
    """Everything that was released leaves."""
    for pk in Delivery.objects.filter(status__in=[Status.SCHEDULED, Status.SENDING]).values_list(
        "pk", flat=True
    ):
        jobs.drain(delivery_id=pk)
    jobs.tick()


def join(series: Delivery) -> None:
    """One more person is in the series' audience."""
    AudienceMember.objects.create(audience=series.audience, profile=ProfileFactory(unit=series.unit))


def runs(series: Delivery) -> list[Delivery]:
    """The deliveries that the series has made, in the order of their moments."""
    return list(Delivery.objects.filter(execution_of=series).order_by("contact_date"))


def next_of(series: Delivery) -> datetime:
    """The moment of the next run; there must be one."""
    series.series.refresh_from_db()
    assert series.series.next_at is not None
    return series.series.next_at


WEEKLY = {
    "schedule_kind": "recurring", "time_zone": "Europe/Paris", "every": "2", "unit_of_time": "WEEKLY",
    "weekdays": ["MO", "TH"], "month_by": "day", "month_day": "1", "position": "1", "weekday": "MO",
    "starts_on": "2099-01-05", "at_time": "09:00", "ends": "count", "count": "10",
    "excluded_dates": "2099-01-08", "request_confirmation": "on", "ahead_minutes": "60",
    "expires_minutes": "1440", "remind_minutes": "120", "late_minutes": "120", "overlap": "skip",
}  # fmt: skip
