"""What pages, desk and commands show of a series: its next moments, and the runs it had."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from campaign.lib import clock
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Occurrence, Series
from deliveries.series import activation, rule_text

SHOWN = 10


@dataclass(frozen=True)
class Upcoming:
    """A recurrence in words and its next moments, as the clocks in its zone show them."""

    series: Series
    words: str
    moments: list[datetime]
    zone: str
    size_limit: int | None


def of_delivery(delivery: Delivery, *, at: datetime) -> Upcoming | None:
    """Return the recurrence in words with its next moments; None for a delivery without one."""
    series = getattr(delivery, "series", None) if delivery.is_recurring else None
    if series is None:
        return None
    ended = delivery.status in groups.FINAL
    moments = [] if ended else list(islice(_coming(series, at), SHOWN))
    prepared = delivery.preparation
    limit = prepared.manifest.get("size_limit") if prepared and prepared.seal else series.size_limit
    return Upcoming(series, rule_text.in_words(series), moments, delivery.time_zone, limit)


def of_form(form: Any) -> Upcoming | None:
    """Return the recurrence that a valid form describes, before it is saved."""
    given = form.cleaned_data.get("recurrence")
    if given is None:
        return None
    series = Series(**given)
    series.delivery = Delivery(time_zone=form.cleaned_data["time_zone"])
    moments = list(islice(series.recurrence.moments(clock.now()), SHOWN))
    return Upcoming(series, rule_text.in_words(series), moments, series.delivery.time_zone, series.size_limit)


def _coming(series: Series, at: datetime) -> Iterator[datetime]:
    """Yield the moments to come, from the first that has no row yet; one that has a row is among the runs."""
    if series.next_at is not None and series.next_at > at:
        yield series.next_at
        yield from series.recurrence.moments(series.next_at)
    else:
        yield from series.recurrence.moments(at)


def runs(delivery: Delivery) -> QuerySet[Occurrence]:
    """Return the moments so far, the latest first, each with its run; none for a delivery that does not recur."""
    if not delivery.is_recurring:
        return Occurrence.objects.none()
    heavy = ("compiled", "manifest", "findings", "causes")
    return (
        Occurrence.objects.filter(series__delivery=delivery)
        .select_related("execution__preparation", "execution__unit")
        .defer(*(f"execution__preparation__{name}" for name in heavy))
        .order_by("-moment")
    )


@dataclass(frozen=True)
class Period:
    """The figures of all runs of a day, a month or a year together."""

    begins: date
    runs: int
    left_out: int
    to_deliver: int
    sent: int
    failed: int
    unknown: int


PERIOD_LABELS = {"day": _("By day"), "month": _("By month"), "year": _("By year")}
PERIODS = tuple(PERIOD_LABELS)
_BY_PERIOD = """
    SELECT date_trunc(%(period)s, o.moment AT TIME ZONE %(zone)s)::date AS begins,
        count(*) FILTER (WHERE o.execution_id IS NOT NULL AND o.skipped = ''), count(*) FILTER (WHERE o.skipped <> ''),
        coalesce(sum(c.rows), 0), coalesce(sum(c.sent), 0), coalesce(sum(c.failed), 0), coalesce(sum(c.doubts), 0)
    FROM deliveries_occurrence o JOIN deliveries_series s ON s.id = o.series_id
    LEFT JOIN LATERAL (
        SELECT sum(seq_to - seq_from + 1) AS rows, sum(sent) AS sent, sum(failed + bounced) AS failed,
            sum(in_doubt) AS doubts
        FROM deliveries_chunk WHERE delivery_id = o.execution_id AND o.skipped = ''
    ) c ON true
    WHERE s.delivery_id = %(delivery)s
    GROUP BY 1 ORDER BY 1 DESC LIMIT 400
"""


def by_period(delivery: Delivery, period: str) -> list[Period]:
    """The runs so far by day, month or year of the series' zone, the latest first."""
    assert period in PERIODS
    with connection.cursor() as cursor:
        cursor.execute(_BY_PERIOD, {"period": period, "zone": delivery.time_zone, "delivery": delivery.pk})
        return [Period(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class OfSeries:
    """What a run shows of its series: which one, which moment, what is outside of it, and who activated it."""

    series: Delivery
    occurrence: Occurrence | None
    outside: str
    activated_by: str


def of_run(delivery: Delivery) -> OfSeries | None:
    """Return the series of a run, and why it waits; None for any other delivery."""
    series = delivery.execution_of
    if series is None:
        return None
    occurrence = Occurrence.objects.filter(execution=delivery).first()
    released = delivery.confirmations.filter(taken_back_at=None).exclude(on_activation=None)
    by = released.select_related("by").first()
    return OfSeries(
        series,
        occurrence,
        activation.in_words(occurrence.outside) if occurrence else "",
        str(by.by) if by else "",
    )
