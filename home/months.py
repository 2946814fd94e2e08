"""A month or a week as a calendar shows it, by the clocks of whoever reads. Nothing here asks the database."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _t

from campaign.lib.reader_zone import spelled
from home.leaving import Leaving

FIRST_YEAR, LAST_YEAR = 2000, 2199
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
MONTH, WEEK = re.compile(r"(\d{4})-(\d{2})", re.ASCII), re.compile(r"(\d{4})-W(\d{2})", re.ASCII)


@dataclass
class Day:
    """One day, and what leaves on it."""

    date: date
    is_outside: bool  # of the month
    is_today: bool
    rows: list[Leaving] = field(default_factory=list)

    @property
    def week(self) -> str:
        return week_name(self.date)

    @property
    def words(self) -> str:
        """Monday, 30 November: as a list of days has it, where no column says the weekday."""
        return spelled(self.date, "l, j F")


@dataclass(frozen=True)
class Sheet:
    """The days of a month in whole weeks, or those of one week; and what comes before and after it."""

    kind: str  # "month" or "week"
    name: str  # as an address has it: 2026-12, 2026-W49
    first: date  # of the month or the week
    weeks: list[list[Day]]

    @property
    def since(self) -> datetime:
        return _midnight(self.weeks[0][0].date)

    @property
    def until(self) -> datetime:
        return _midnight(self.weeks[-1][-1].date + A_DAY)

    @property
    def title(self) -> str:
        """December 2026; 30 November to 6 December 2026."""
        if self.kind == "month":
            return date_format(self.first, "YEAR_MONTH_FORMAT")
        first = spelled(self.first, "j F")
        last = spelled(self.first + A_WEEK - A_DAY, "j F Y")
        return _t("%(first)s to %(last)s") % {"first": first, "last": last}

    @property
    def earlier(self) -> str:
        """The name of the sheet before."""
        return self._beside(self.first - A_DAY)

    @property
    def later(self) -> str:
        """The name of the sheet after."""
        return self._beside(self.first + (timedelta(days=32) if self.kind == "month" else A_WEEK))

    def _beside(self, day: date) -> str:
        return f"{day:%Y-%m}" if self.kind == "month" else week_name(day)

    def fill(self, rows: Sequence[Leaving]) -> None:
        """Put each row on its day."""
        days = {day.date: day for week in self.weeks for day in week}
        for row in rows:
            if (day := days.get(timezone.localtime(row.at).date())) is not None:
                day.rows.append(row)


def week_name(day: date) -> str:
    """The ISO week of the day: 2026-W49."""
    year, week, _weekday = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def sheet(*, month: str, week: str, today: date) -> Sheet:
    """The week, or else the month, that is named; what names none leads to the month of today."""
    if (first := _week_of(week)) is not None:
        return Sheet("week", week, first, [_days(first, today, month=None)])
    first = _month_of(month) or today.replace(day=1)
    monday = first - timedelta(days=first.weekday())
    weeks = []
    while monday <= first or monday.month == first.month:
        weeks.append(_days(monday, today, month=first.month))
        monday += A_WEEK
    return Sheet("month", f"{first:%Y-%m}", first, weeks)


def _days(monday: date, today: date, *, month: int | None) -> list[Day]:
    days = (monday + number * A_DAY for number in range(7))
    return [Day(day, month is not None and day.month != month, day == today) for day in days]


def _month_of(text: str) -> date | None:
    found = MONTH.fullmatch(text)
    try:
        return _within(date(int(found[1]), int(found[2]), 1)) if found else None
    except ValueError:
        return None


def _week_of(text: str) -> date | None:
    found = WEEK.fullmatch(text)
    try:
        return _within(date.fromisocalendar(int(found[1]), int(found[2]), 1)) if found else None
    except ValueError:
        return None


def _within(day: date) -> date | None:
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
