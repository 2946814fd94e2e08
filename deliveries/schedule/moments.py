"""When people are written to: the arithmetic of zones and waves. Pure: nothing here asks the database.

A local hour that clocks skip is read with the offset before the change (02:30 becomes 03:30); one that they
show twice is the first of the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from deliveries.models import PastChoice, WaveBy

FIRST_ZONE = "Etc/GMT-14"  # the clocks that show every hour first
LAST_ZONE = "Etc/GMT+12"  # the clocks that show every hour last
MOST_WAVES = 200
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Crowd:
    """The people of one zone in the target; `zone` is as their profiles name it, and may be empty."""

    zone: str
    people: int


@dataclass(frozen=True)
class Group:
    """The people who are written to at the same local hour of the same zone.

    `not_before` None: with OK. `named` are the zones as their profiles name them: an empty or unknown name is
    the fallback's.
    """

    zone: str
    named: tuple[str, ...]
    people: int
    without_zone: int
    not_before: datetime | None
    is_left_out: bool = False


@cache
def known(zone: str) -> tzinfo | None:
    """The zone of that name, if there is one."""
    try:
        return ZoneInfo(zone) if zone else None
    except (KeyError, ValueError, OSError):
        return None


def instant(day: date, hour: time, zone: str) -> datetime:
    """The moment at which clocks in the zone show that hour of that day."""
    found = known(zone)
    assert found is not None, zone
    return datetime.combine(day, hour).replace(tzinfo=found, fold=0).astimezone(UTC)


def next_instant(day: date, hour: time, zone: str, *, after: datetime) -> datetime:
    """The first moment after `after` at which clocks there show the hour, on that day or a later one."""
    # Near enough by whole days, so that a date of long ago costs no more than one of yesterday.
    day = max(day, (after - 3 * A_DAY).date())
    while (moment := instant(day, hour, zone)) <= after:
        day += A_DAY
    return moment


def is_over(day: date, hour: time, at: datetime) -> bool:
    """Whether the hour of that day has passed everywhere on Earth."""
    return instant(day, hour, LAST_ZONE) <= at


def groups(
    crowds: Iterable[Crowd], *, day: date, hour: time, fallback: str, past: str, at: datetime
) -> list[Group]:
    """The people of each zone with their moment, in the order of sending; those left out come last."""
    by_zone: dict[str, list[Crowd]] = {}
    for crowd in crowds:
        by_zone.setdefault(crowd.zone if known(crowd.zone) else fallback, []).append(crowd)
    found = [_group(zone, found, day=day, hour=hour, past=past, at=at) for zone, found in by_zone.items()]
    beginning = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda g: (g.is_left_out, g.not_before or beginning, g.zone))


def _group(zone: str, crowds: list[Crowd], *, day: date, hour: time, past: str, at: datetime) -> Group:
    moment: datetime | None = instant(day, hour, zone)
    has_passed = moment is not None and moment <= at
    if has_passed and past == PastChoice.NEXT_DAY:
        moment = next_instant(day, hour, zone, after=at)
    elif has_passed:
        moment = None
    return Group(
        zone=zone,
        named=tuple(crowd.zone for crowd in crowds),
        people=sum(crowd.people for crowd in crowds),
        without_zone=sum(crowd.people for crowd in crowds if crowd.zone != zone),
        not_before=moment,
        is_left_out=has_passed and past == PastChoice.LEAVE_OUT,
    )


def wave_sizes(by: str, value: int, people: int) -> list[int]:
    """Return how many messages each wave has: together all of them, and no wave is empty."""
    if by == WaveBy.NUMBER:
        number = min(value, people)
        return [people // number + (place < people % number) for place in range(number)]
    size = max(1, -(-people * min(value, 100) // 100) if by == WaveBy.SHARE else value)
    return [min(size, people - start) for start in range(0, people, size)]


def number_of_waves(by: str, value: int, people: int) -> int:
    """Return how many waves there are, without listing them."""
    if by == WaveBy.NUMBER:
        return min(value, people)
    size = max(1, -(-people * min(value, 100) // 100) if by == WaveBy.SHARE else value)
    return -(-people // size)
