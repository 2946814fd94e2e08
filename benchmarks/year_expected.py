"""When a year's series must run, found without any recurrence rule: by walking through the year's minutes.

For each minute of the year it asks what the clocks in a zone show. That is how people would find out, and it
shares neither code nor idea with what expands the rules.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

YEAR = 2026
ZONES = {  # each with an hour that its change of the clock skips or repeats, where it has one
    "Europe/Paris": time(2, 30),
    "America/New_York": time(1, 30),
    "America/Sao_Paulo": time(0, 15),
    "Australia/Lord_Howe": time(2, 15),
    "Africa/Casablanca": time(2, 45),
    "Asia/Kathmandu": time(9, 0),
    "Pacific/Chatham": time(3, 0),
    "Pacific/Kiritimati": time(23, 59),
}
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Case:
    """A series: its rule for the product, and for this file the days on which it comes."""

    name: str
    zone: str
    at: time
    rule: str
    comes: Callable[[date], bool]
    asks: bool  # whether each run waits for a confirmation


def _second_tuesday(day: date) -> bool:
    return day.weekday() == 1 and 8 <= day.day <= 14


def _last_friday(day: date) -> bool:
    return day.weekday() == 4 and (day + timedelta(days=7)).month != day.month


def cases(days: int) -> list[Case]:
    """Daily at the critical hour, weekly on two days, monthly by position, in each zone."""
    end = f"UNTIL={date(YEAR, 1, 1) + timedelta(days=days - 1):%Y%m%d}"
    made = []
    for number, (zone, hour) in enumerate(ZONES.items()):
        made += [
            Case(f"S{number}-daily", zone, hour, f"FREQ=DAILY;{end}", lambda day: True, number % 2 == 0),
            Case(
                f"S{number}-weekly", zone, time(9, 7), f"FREQ=WEEKLY;BYDAY=MO,TH;{end}",
                lambda day: day.weekday() in {0, 3}, number % 2 == 1,
            ),
            Case(f"S{number}-tuesday", zone, time(18, 11), f"FREQ=MONTHLY;BYDAY=2TU;{end}", _second_tuesday, False),
            Case(f"S{number}-friday", zone, hour, f"FREQ=MONTHLY;BYDAY=-1FR;{end}", _last_friday, True),
        ]  # fmt: skip
    return made


def moments(case: Case, *, days: int) -> list[datetime]:
    """The moments of the first so many days of the year, in UTC."""
    first, last = date(YEAR, 1, 1), date(YEAR, 1, 1) + timedelta(days=days - 1)
    shown = _first_shown(ZoneInfo(case.zone), case.at, first, last)
    wanted = [day for day in _days(first, last) if case.comes(day)]
    return sorted(shown.get(day) or _skipped(ZoneInfo(case.zone), case.at, day) for day in wanted)


def _first_shown(zone: ZoneInfo, at: time, first: date, last: date) -> dict[date, datetime]:
    """The first minute of each day at which the clocks show the time."""
    found: dict[date, datetime] = {}
    moment = datetime.combine(first, time(), UTC) - timedelta(hours=26)
    end = datetime.combine(last, time(), UTC) + timedelta(hours=52)
    while moment < end:
        local = moment.astimezone(zone)
        # Offsets are whole minutes here, so most minutes of an hour need no look.
        away = (at.minute - local.minute) % 60
        moment += away * MINUTE
        local = moment.astimezone(zone)
        if local.time() == at:
            found.setdefault(local.date(), moment)
        moment += MINUTE
    return found


def _skipped(zone: ZoneInfo, at: time, day: date) -> datetime:
    """Where the clocks jump over the time: it is read with the offset from before the jump."""
    moment = datetime.combine(day, at, UTC) - timedelta(hours=26)
    before = moment.astimezone(zone).utcoffset()
    while (local := moment.astimezone(zone)).replace(tzinfo=None) < datetime.combine(day, at):
        before = local.utcoffset()
        moment += MINUTE
    assert before is not None
    return datetime.combine(day, at, UTC) - before


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
