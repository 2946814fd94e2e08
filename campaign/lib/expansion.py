"""When a recurrence rule comes, as clocks show it: period by period, in a bounded number of looks.

What a period holds (RFC 5545, 3.3.10): its days that every part of the rule lets through, at each of the rule's times;
of these BYSETPOS chooses. Whole periods are counted, also the one that the start stands in.
"""

from calendar import isleap, monthrange
from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, date, datetime, time, timedelta

from campaign.lib.rrule import WITHIN_A_DAY, Rule

LOOKS = 50_000  # at a day, or a time of a day, between two moments: 136 years of days
LAST_YEAR = 9990  # calendars end in 9999, and zones reach over the end of a year
A_DAY = 24 * 3600  # seconds

Chosen = Iterator[tuple[int, time]]


class Expansion:
    """The local times of a rule from a start, in order, each once.

    It ends with COUNT, in the year 9990, or where 50,000 days or times in a row were looked at and none came: what
    comes once in some hundred years is not waited for. With `earlier` a rule is read as it was before: see `Reading`.
    """

    def __init__(self, rule: str, start: datetime, *, earlier: bool = False) -> None:
        self.start = start.replace(microsecond=0)
        self.rule = Rule.read(rule).begun(self.start, every_day_of_a_week=earlier)
        self.earlier = earlier
        self.looks = 0  # since the last that came
        self.all_looks = 0

    def times(self, after: datetime | None = None) -> Iterator[datetime]:
        """With `after`, what comes earlier may be left out, and is not counted through where there is no COUNT."""
        if after is None or self.rule.count is not None or after < self.start:
            after = self.start
        found = self._within_days(after) if self.rule.freq in WITHIN_A_DAY else self._of_periods(after)
        left = self.rule.count
        for day, at in found:
            local = datetime.combine(date.fromordinal(day), at)
            if local < self.start:
                continue
            if local.year > LAST_YEAR or left == 0:
                return
            left = None if left is None else left - 1
            self.looks = 0
            yield local

    def _look(self) -> None:
        self.looks += 1
        self.all_looks += 1

    def _tired(self) -> bool:
        return self.looks > LOOKS

    # -- years, months, weeks and days ------------------------------------------------------------------

    def _of_periods(self, after: datetime) -> Chosen:
        times = _sorted_times(self.rule)
        for days in self._periods(after.date()):
            yield from self._chosen([day for day in days if self._is_day(day)], times)
            if self._tired():
                return

    def _periods(self, after: date) -> Iterator[range]:
        """The days of each period, from the one on that `after` stands in or that came before."""
        step, start = self.rule.interval, self.start.date()
        if self.rule.freq == "YEARLY":
            for year in range(start.year + (after.year - start.year) // step * step, MAXYEAR, step):
                yield range(_first_of(year), _first_of(year + 1))
        elif self.rule.freq == "MONTHLY":
            first, month = _month_number(start), _month_number(after)
            for number in range(first + (month - first) // step * step, MAXYEAR * 12, step):
                begin = date(number // 12, number % 12 + 1, 1)
                yield range(begin.toordinal(), begin.toordinal() + monthrange(begin.year, begin.month)[1])
        else:
            yield from self._spans(start, after, 7 if self.rule.freq == "WEEKLY" else 1)

    def _spans(self, start: date, after: date, length: int) -> Iterator[range]:
        begin, step = start.toordinal(), self.rule.interval * length
        if length == 7:
            begin -= (start.weekday() - self.rule.week_start) % 7
        for day in range(begin + (after.toordinal() - begin) // step * step, _first_of(MAXYEAR), step):
            least = start.toordinal() if self.earlier and day == begin else 1
            yield range(max(day, least), day + length)

    # -- hours, minutes and seconds ---------------------------------------------------------------------

    def _within_days(self, after: datetime) -> Chosen:
        """The rhythm runs on over midnight; days on which it has no beat are passed over."""
        unit = WITHIN_A_DAY[self.rule.freq]
        origin = _seconds(self.start) // unit * unit
        step = unit * self.rule.interval
        day, last = after.toordinal(), _first_of(MAXYEAR)
        while day < last and not self._tired():
            beat = _next_beat(origin, step, day * A_DAY)
            if beat >= (day + 1) * A_DAY:
                day = beat // A_DAY
                continue
            if self._is_day(day):
                for begin, end in self._windows(day):
                    yield from self._beats(day, range(_next_beat(origin, step, begin), end, step))
            day += 1

    def _windows(self, day: int) -> Iterator[tuple[int, int]]:
        """The hours of a day that the rule lets through; by seconds, its minutes too."""
        by_minute = self.rule.freq == "SECONDLY" and self.rule.minutes is not None
        for hour in sorted(self.rule.hours) if self.rule.hours is not None else range(24):
            begin = day * A_DAY + hour * 3600
            minutes = sorted(self.rule.minutes or ()) if by_minute else (0,)
            for minute in minutes:
                self._look()
                yield begin + minute * 60, begin + minute * 60 + (60 if by_minute else 3600)

    def _beats(self, day: int, beats: range) -> Chosen:
        rule = self.rule
        for beat in beats:
            self._look()
            hour, minute, second = beat // 3600 % 24, beat // 60 % 60, beat % 60
            if rule.freq == "HOURLY":
                times = _sorted_times(rule, hours=(hour,))
            elif rule.minutes is not None and minute not in rule.minutes:
                continue
            elif rule.freq == "MINUTELY":
                times = _sorted_times(rule, hours=(hour,), minutes=(minute,))
            elif rule.seconds is None or second in rule.seconds:
                times = [time(hour, minute, second)]
            else:
                continue
            yield from self._chosen([day], times)

    # -- what every period has --------------------------------------------------------------------------

    def _chosen(self, days: list[int], times: list[time]) -> Chosen:
        """The times of the days in order, or those that BYSETPOS names."""
        number = len(days) * len(times)
        places: Iterable[int] = range(number)
        if self.rule.positions:
            named = {place - 1 if place > 0 else number + place for place in self.rule.positions}
            places = sorted(place for place in named if 0 <= place < number)
        for place in places:
            yield days[place // len(times)], times[place % len(times)]

    def _is_day(self, ordinal: int) -> bool:
        """Whether every part of the rule lets the day through."""
        self._look()
        rule, day = self.rule, date.fromordinal(ordinal)
        if rule.months and day.month not in rule.months:
            return False
        if rule.month_days:
            days = monthrange(day.year, day.month)[1]
            if day.day not in rule.month_days and day.day - days - 1 not in rule.month_days:
                return False
        if rule.year_days:
            number, days = ordinal - _first_of(day.year) + 1, 365 + isleap(day.year)
            if number not in rule.year_days and number - days - 1 not in rule.year_days:
                return False
        if rule.weeks:
            number, weeks = _week(ordinal, rule.week_start)
            if number not in rule.weeks and number - weeks - 1 not in rule.weeks:
                return False
        return not rule.weekdays or self._is_weekday(day)

    def _is_weekday(self, day: date) -> bool:
        weekdays, name = self.rule.weekdays or frozenset(), day.weekday()
        plain = (0, name) in weekdays
        if all(number == 0 for number, _name in weekdays):
            return plain
        begin, days = date(day.year, day.month, 1), monthrange(day.year, day.month)[1]
        if self.rule.freq == "YEARLY" and self.rule.months is None:
            begin, days = date(day.year, 1, 1), 365 + isleap(day.year)
        passed = (day - begin).days
        counted = (passed // 7 + 1, name) in weekdays or (-((days - 1 - passed) // 7) - 1, name) in weekdays
        if self.earlier and any(number == 0 for number, _name in weekdays):
            return plain and counted
        return plain or counted


def _sorted_times(
    rule: Rule, *, hours: tuple[int, ...] | None = None, minutes: tuple[int, ...] | None = None
) -> list[time]:
    return [
        time(hour, minute, second)
        for hour in hours or sorted(rule.hours or ())
        for minute in minutes or sorted(rule.minutes or ())
        for second in sorted(rule.seconds or ())
    ]


def _first_of(year: int) -> int:
    return date(year, 1, 1).toordinal()


def _month_number(day: date) -> int:
    return day.year * 12 + day.month - 1


def _seconds(local: datetime) -> int:
    since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return local.toordinal() * A_DAY + int(since.total_seconds())


def _next_beat(origin: int, step: int, begin: int) -> int:
    """The first beat of a rhythm at `begin` or after it; all in seconds."""
    return origin + max(0, -((origin - begin) // step)) * step


def _week(ordinal: int, week_start: int) -> tuple[int, int]:
    """The number of a day's week, and how many its year has: a week is of the year that most of its days are in."""
    middle = _middle_of_week(ordinal, week_start)
    year = date.fromordinal(middle).year
    last = _middle_of_week(date(year, 12, 28).toordinal(), week_start)
    return (middle - _first_of(year)) // 7 + 1, (last - _first_of(year)) // 7 + 1


def _middle_of_week(ordinal: int, week_start: int) -> int:
    return max(1, ordinal - (date.fromordinal(ordinal).weekday() - week_start) % 7 + 3)
