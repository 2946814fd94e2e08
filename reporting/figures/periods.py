"""Pieces of time in a zone: minutes, hours, days or months from the first to the last thing that was done.

A period has two numbers. What is counted comes in slices of time that no period cuts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from campaign.lib import reader_zone
from reporting.figures import counted

BY_MINUTE, BY_HOUR, BY_DAY, BY_MONTH = "minute", "hour", "day", "month"
UNITS: dict[str, str | Promise] = {
    BY_MINUTE: _("By minute"),
    BY_HOUR: _("By hour"),
    BY_DAY: _("By day"),
    BY_MONTH: _("By month"),
}
LONGEST = {BY_MINUTE: 120, BY_HOUR: 72, BY_DAY: 92, BY_MONTH: 60}  # what came after so many makes one line
MOST_WITHIN = 0.95  # of all: the smallest unit whose periods hold so much is taken by itself
_SHAPES = {BY_MINUTE: "j M, H:i", BY_HOUR: "j M, H:i", BY_DAY: "j M Y", BY_MONTH: "M Y"}

Slices = Sequence[tuple[datetime, int, int]]  # when each begins, and its two numbers, in the order of time


@dataclass(frozen=True)
class Period:
    """A piece of time and its two numbers; `ends` is None for all that came later."""

    zone: ZoneInfo
    unit: str
    begins: datetime
    ends: datetime | None
    numbers: tuple[int, int] = (0, 0)

    @property
    def label(self) -> str:
        """When it was, in words, without the zone."""
        if self.ends is None:
            return _t("later")
        return reader_zone.written(self.begins, self.zone, _SHAPES[self.unit])

    def rows(self, **more: str) -> str:
        """The filter of a log that shows what was done in it."""
        until = {"until": counted.in_address(self.ends)} if self.ends else {}
        return urlencode({**more, "since": counted.in_address(self.begins), **until})


P = TypeVar("P", bound=Period)


def fitting(slices: Slices, zone: ZoneInfo, units: Sequence[str]) -> str:
    """Of these units, the finest first, the first whose periods hold nearly all; else the last."""
    everything = sum(one + other for _begins, one, other in slices)
    for unit in units[:-1]:
        within = [sum(each.numbers) for each in made(Period, slices, zone, unit) if each.ends is not None]
        if sum(within) >= MOST_WITHIN * everything:
            return unit
    return units[-1]


def made(kind: type[P], slices: Slices, zone: ZoneInfo, unit: str) -> list[P]:
    """The periods from the first to the last in which something was done, the empty ones between them too."""
    if not slices:
        return []
    bounds = _bounds(slices[0][0], slices[-1][0], zone, unit)
    ends: list[datetime | None] = [*bounds[1:], None]
    sums = [[0, 0] for _ in bounds]
    at = 0
    for begins, one, other in slices:
        while (end := ends[at]) is not None and begins >= end:
            at += 1
        sums[at][0] += one
        sums[at][1] += other
    if not any(sums[-1]):  # nothing came later
        bounds, ends, sums = bounds[:-1], ends[:-1], sums[:-1]
    return [
        kind(zone, unit, begins, end, (one, other))
        for begins, end, (one, other) in zip(bounds, ends, sums, strict=True)
    ]


def _bounds(first: datetime, last: datetime, zone: ZoneInfo, unit: str) -> list[datetime]:
    """Where each period begins, and behind them where all that is later does."""
    step = _STEPS[unit]
    found = [_START[unit](first.astimezone(zone))]
    while len(found) <= LONGEST[unit] and found[-1] <= last:
        found.append(step(found[-1], zone))
    return found


def _midnight(day: date, zone: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next_minute(at: datetime, zone: ZoneInfo) -> datetime:
    return at + timedelta(minutes=1)


def _next_hour(at: datetime, zone: ZoneInfo) -> datetime:
    return at + timedelta(hours=1)


def _next_day(at: datetime, zone: ZoneInfo) -> datetime:
    return _midnight((at + timedelta(hours=30)).astimezone(zone).date(), zone)


def _next_month(at: datetime, zone: ZoneInfo) -> datetime:
    return _midnight((at + timedelta(days=40)).astimezone(zone).date().replace(day=1), zone)


_START: dict[str, Callable[[datetime], datetime]] = {
    BY_MINUTE: lambda local: local.replace(second=0, microsecond=0).astimezone(UTC),
    BY_HOUR: lambda local: local.replace(minute=0, second=0, microsecond=0).astimezone(UTC),
    BY_DAY: lambda local: _midnight(local.date(), local.tzinfo),
    BY_MONTH: lambda local: _midnight(local.date().replace(day=1), local.tzinfo),
}
_STEPS: dict[str, Callable[[datetime, ZoneInfo], datetime]] = {
    BY_MINUTE: _next_minute,
    BY_HOUR: _next_hour,
    BY_DAY: _next_day,
    BY_MONTH: _next_month,
}
