"""What leaves when, in a span of time: deliveries, their waves and local hours, and the runs that series will have."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Moment, ScheduleKind, Series
from deliveries.schedule import moments

MOST_DELIVERIES = 500
MOST_MOMENTS = 2_000
MOST_SERIES = 100
MOST_RUNS = 100  # of one series
LONGEST_WAVES = timedelta(
    days=60
)  # from the first wave to the last that is looked for before it is confirmed


# What of a delivery is read here and shown: to put the question for all that it has together takes longer than this.
_READ = (
    "label", "status", "time_zone", "started_at", "contact_date", "local_date", "local_hour", "unit__label",
    "preparation__to_deliver", "preparation__seal",
)  # fmt: skip
_READ_OF_SERIES = (
    "rule", "reading", "starts_on", "at", "excluded_dates", "next_at", "delivery__label", "delivery__status",
    "delivery__time_zone", "delivery__unit__label",
)  # fmt: skip


class Certainty(StrEnum):
    """How sure it is that something leaves."""

    BEGUN = "begun"
    CONFIRMED = "confirmed"
    PLANNED = "planned"

    @property
    def label(self) -> str | Promise:
        return LABELS[self]

    @property
    def tone(self) -> str:
        return TONES[self]


LABELS: dict[Certainty, str | Promise] = {
    Certainty.BEGUN: _("Has begun"),
    Certainty.CONFIRMED: _("Confirmed"),
    Certainty.PLANNED: _("Not confirmed yet"),
}
TONES = {Certainty.BEGUN: "green", Certainty.CONFIRMED: "blue", Certainty.PLANNED: "grey"}


@dataclass(frozen=True)
class Leaving:
    """Something that leaves at a moment; `people` None where nobody has counted them yet."""

    at: datetime
    delivery: Delivery
    certainty: Certainty
    people: int | None = None
    number: int = 0  # which of its moments
    of: int = 0  # how many it has; 0: it leaves at one moment
    is_run: bool = False  # a run that a series will have

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "at": self.at, "delivery": self.delivery.name, "label": self.delivery.label,
            "unit": self.delivery.unit.label, "status": self.delivery.status, "certainty": self.certainty.value,
            "people": self.people, "moment": self.number or None, "moments": self.of or None, "run": self.is_run,
        }  # fmt: skip


@dataclass(frozen=True)
class Span:
    """What leaves from `since` to before `until`, in its order; `is_cut` where there is more than is looked at."""

    since: datetime
    until: datetime
    rows: list[Leaving]
    is_cut: bool = False


def between(
    since: datetime,
    until: datetime,
    *,
    user: User | None,
    at: datetime,
    unit: OrganizationalUnit | None = None,
) -> Span:
    """What this person may see of what leaves in the span, of one unit and below if it is given.

    Without a person it is the system's own operator, who sees all. The queries are as many for however much leaves.
    """
    visible = Delivery.objects.all() if user is None else Delivery.objects.visible_to(user)
    if unit is not None:
        visible = visible.filter(unit__path__startswith=unit.path)
    whole, at_moments = _at_once(visible, since, until), _by_moments(visible, since, until)
    waves, runs = _planned_waves(visible, since, until), _runs_to_come(visible, since, until, at)
    rows = sorted([*whole, *at_moments, *waves, *runs], key=lambda row: (row.at, row.delivery.pk))
    is_cut = len(whole) >= MOST_DELIVERIES or len(at_moments) >= MOST_MOMENTS
    return Span(since, until, rows, is_cut)


def certainty_of(delivery: Delivery) -> Certainty:
    """How sure it is that the rest of it leaves."""
    if delivery.status in groups.BEGUN:
        return Certainty.BEGUN
    return Certainty.CONFIRMED if delivery.status in groups.RELEASED else Certainty.PLANNED


def _listed(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return rows.select_related("unit", "preparation").only(*_READ)


def _counted(delivery: Delivery) -> int | None:
    return delivery.preparation.to_deliver if delivery.preparation and delivery.preparation.seal else None


def _at_once(visible: QuerySet[Delivery], since: datetime, until: datetime) -> list[Leaving]:
    """What leaves at one moment: what began in the span, and what has a date in it."""
    begun = Q(started_at__gte=since, started_at__lt=until, status__in=groups.BEGUN)
    waits = Q(status__in=groups.UNCONFIRMED | groups.RELEASED, started_at=None)
    dated = waits & Q(schedule_kind=ScheduleKind.AT_DATE, contact_date__gte=since, contact_date__lt=until)
    one_moment = Q(schedule_kind__in=[ScheduleKind.AT_DATE, ScheduleKind.AT_ONCE])
    early, late = since.date() - timedelta(days=1), until.date() + timedelta(days=1)
    local = waits & Q(
        schedule_kind=ScheduleKind.LOCAL_HOUR, local_date__gte=early, local_date__lte=late, first_moment=None
    )
    rows = _listed(visible.filter((begun & one_moment) | dated | local)).order_by("pk")[:MOST_DELIVERIES]
    found = (Leaving(when, one, certainty_of(one), _counted(one)) for one in rows if (when := _moment(one)))
    return [row for row in found if since <= row.at < until]


def _moment(delivery: Delivery) -> datetime | None:
    if delivery.started_at is not None:
        return delivery.started_at
    if delivery.local_date is not None and delivery.local_hour is not None:
        return moments.instant(delivery.local_date, delivery.local_hour, delivery.time_zone)
    return delivery.contact_date


def _by_moments(visible: QuerySet[Delivery], since: datetime, until: datetime) -> list[Leaving]:
    """Waves and local hours whose moment is known; zones whose hour comes at the same time are one."""
    alive = Q(delivery__status__in=groups.UNCONFIRMED | groups.RELEASED | groups.COMPLETED)
    left = Q(opened_at__isnull=False, delivery__status__in=groups.BEGUN)
    rows: list[Any] = list(
        Moment.objects.filter(alive | left, delivery__in=visible.values("pk"))
        .filter(not_before__gte=since, not_before__lt=until)
        .values("delivery_id", "not_before")
        .annotate(n=Sum(F("seq_to") - F("seq_from") + 1), place=Max("number"), opened=Max("opened_at"))
        .order_by("not_before", "delivery_id")[:MOST_MOMENTS]
    )
    known = _by_key(visible, (row["delivery_id"] for row in rows)) if rows else {}
    numbers = _moments_of(known)
    return [
        Leaving(
            row["not_before"], one, Certainty.BEGUN if row["opened"] else _unbegun(one), row["n"],
            row["place"], numbers.get(one.pk, 0),
        )
        for row in rows
        if (one := known.get(row["delivery_id"])) is not None
    ]  # fmt: skip


def _unbegun(delivery: Delivery) -> Certainty:
    return Certainty.PLANNED if delivery.status in groups.UNCONFIRMED else Certainty.CONFIRMED


def _by_key(visible: QuerySet[Delivery], keys: Iterable[int]) -> dict[int, Delivery]:
    return {one.pk: one for one in _listed(visible.filter(pk__in=set(keys)))}


def _moments_of(known: dict[int, Delivery]) -> dict[int, int]:
    rows = Moment.objects.filter(delivery__in=known).values("delivery_id").annotate(n=Count("number"))
    return {row["delivery_id"]: row["n"] for row in rows} if known else {}


def _planned_waves(visible: QuerySet[Delivery], since: datetime, until: datetime) -> list[Leaving]:
    """Waves from a date on that nobody has confirmed: they follow one another as they would if somebody did."""
    rows = visible.filter(
        schedule_kind=ScheduleKind.WAVES, status__in=groups.UNCONFIRMED, contact_date__lt=until,
        contact_date__gte=since - LONGEST_WAVES,
    )  # fmt: skip
    known = {one.pk: one for one in _listed(rows).order_by("pk")[:MOST_DELIVERIES]}
    stored: dict[int, list[Moment]] = {}
    moments_of_them = (
        Moment.objects.filter(delivery__in=known).order_by("delivery_id", "number") if known else ()
    )
    for moment in moments_of_them:
        stored.setdefault(moment.delivery_id, []).append(moment)
    found = (row for pk, one in known.items() for row in _waves_of(one, stored.get(pk, [])))
    return [row for row in found if since <= row.at < until]


def _waves_of(delivery: Delivery, waves: list[Moment]) -> Iterator[Leaving]:
    """Its waves without a moment of their own; what has none stored begins at its date."""
    at = delivery.contact_date
    assert at is not None
    if not waves:
        yield Leaving(at, delivery, Certainty.PLANNED, _counted(delivery))
    for wave in waves:
        at = wave.not_before or (at if wave.number == 1 else at + timedelta(seconds=wave.gap_seconds or 0))
        if wave.not_before is None:
            yield Leaving(at, delivery, Certainty.PLANNED, wave.people, wave.number, len(waves))


def _runs_to_come(
    visible: QuerySet[Delivery], since: datetime, until: datetime, at: datetime
) -> list[Leaving]:
    """The moments of series that have no run yet. A series that is paused has none: what comes is left out."""
    alive = Q(delivery__status__in=groups.UNCONFIRMED) | Q(delivery__status__in=groups.RUNNING_SERIES)
    series = (
        Series.objects.filter(alive, delivery__in=visible.values("pk"))
        .select_related("delivery__unit")
        .only(*_READ_OF_SERIES)
        .order_by("pk")[:MOST_SERIES]
    )
    return [row for one in series for row in _runs_of(one, max(since, at), until)]


def _runs_of(series: Series, since: datetime, until: datetime) -> Iterator[Leaving]:
    """Of what is active from the first moment without a run on, of anything else from now on."""
    is_active = series.delivery.status in groups.RUNNING_SERIES
    sure = Certainty.CONFIRMED if is_active else Certainty.PLANNED
    first = max(since, series.next_at) if is_active and series.next_at else since
    row = Leaving(first, series.delivery, sure, is_run=True)
    for moment in islice(series.recurrence.moments(first - timedelta(microseconds=1)), MOST_RUNS):
        if moment >= until:
            return
        yield replace(row, at=moment)
