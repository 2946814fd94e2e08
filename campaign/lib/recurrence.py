"""Recurrence rules (RFC 5545, 3.3.10) and the moments that they mean in a zone.

A rule is expanded on the wall clock: 09:00 stays 09:00 over a change of the clock. A time that does not
exist on its day is read with the offset before the change, so 02:30 becomes 03:30; of a time that occurs
twice the first is meant (RFC 5545, 3.3.5). dateutil does the expansion.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# ruff: noqa: DTZ001, DTZ007 -- what a wall clock shows has no zone until it is given one
from dateutil.rrule import rrulestr
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal

PERIODS = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
WITHIN_A_DAY = ("SECONDLY", "MINUTELY", "HOURLY")
KNOWN = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY",
    "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS",
}  # fmt: skip
LONGEST_RULE = 500
MOST = 100_000
MOST_TIMES_A_DAY = 48
CYCLE = 400  # years after which dates fall on the same weekdays again
AHEAD = 40  # years in which at least a next moment is looked for
LAST_YEAR = 9990  # calendars end in 9999, and zones reach over the end of a year
LARGEST = {
    "BYSECOND": 59, "BYMINUTE": 59, "BYHOUR": 23, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYMONTH": 12,
    "BYSETPOS": 366,
}  # fmt: skip
FROM_THE_END = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}  # these may be negative
FROM_ZERO = {"BYSECOND", "BYMINUTE", "BYHOUR"}
LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class BadRule(Refusal):
    message = _("“%(rule)s” is no recurrence rule: %(reason)s")
    code = "bad_rule"


@dataclass(frozen=True)
class Recurrence:
    """A rule from a local start in a zone, without the days that are left out."""

    rule: str  # an RRULE value without its prefix: FREQ=WEEKLY;BYDAY=MO
    start: datetime  # naive: what the clocks in the zone show
    zone: str
    excluded: frozenset[date] = field(default_factory=frozenset)

    def moments(self, after: datetime | None = None) -> Iterator[datetime]:
        """Every moment in its order, in UTC; with `after` those that are later than it."""
        last = after
        zone = ZoneInfo(self.zone)
        until = _until(self.rule, zone)
        for shifted, years in self._local(after):
            if shifted.year - years > LAST_YEAR:
                return
            local = shifted.replace(year=shifted.year - years)
            moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if until is not None and moment > until:
                return
            # An hour that is skipped and the one after it come to the same minutes.
            if local.date() not in self.excluded and (last is None or moment > last):
                last = moment
                yield moment

    def _local(self, after: datetime | None) -> Iterator[tuple[datetime, int]]:
        """What clocks show, so many years later: dateutil looks for a moment until the calendar ends.

        Calendars repeat after 400 years, so near its end it finds the same ones, and for what never comes it looks
        through some hundred years, not through eight thousand.
        """
        parts = parts_of(self.rule)
        parts.pop("UNTIL", None)
        start = self._ahead(parts, after)
        years = (MAXYEAR - AHEAD - start.year) // CYCLE * CYCLE
        rule = ";".join(f"{name}={value}" for name, value in parts.items())
        try:
            for shifted in rrulestr(rule, dtstart=start.replace(year=start.year + years)):
                yield shifted, years
        except ValueError:  # dateutil's word for it: from this start INTERVAL never meets BYHOUR or BYMINUTE
            return

    def _ahead(self, parts: dict[str, str], after: datetime | None) -> datetime:
        """A start just before `after` in the same rhythm, so that years of past moments aren't counted through."""
        if after is None or "COUNT" in parts:
            return self.start
        period = PERIODS.get(parts["FREQ"])
        if period is None:
            return self._months_ahead(parts, after)
        step = period * int(parts.get("INTERVAL", "1"))
        shown = after.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) - timedelta(days=2) - step
        return self.start + max(0, (shown - self.start) // step) * step

    def _months_ahead(self, parts: dict[str, str], after: datetime) -> datetime:
        """As `_ahead`, for months and years: the first day of one, and `parts` say which days were meant."""
        months = int(parts.get("INTERVAL", "1")) * (12 if parts["FREQ"] == "YEARLY" else 1)
        passed = (after.year - self.start.year) * 12 + after.month - self.start.month
        steps = (passed - 2) // months - 1  # a zone's day may begin in the month before
        if steps <= 0:
            return self.start
        if not {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & parts.keys():
            parts["BYMONTHDAY"] = str(self.start.day)
            if parts["FREQ"] == "YEARLY":
                parts.setdefault("BYMONTH", str(self.start.month))
        first = 1 if parts["FREQ"] == "YEARLY" else self.start.month
        year, month = divmod(self.start.year * 12 + first - 1 + steps * months, 12)
        return self.start.replace(year=year, month=month + 1, day=1)


def parsed(rule: str) -> str:
    """The rule in capitals, without its prefix; raises BadRule for what RFC 5545 doesn't know."""
    plain = "".join(rule.upper().split()).removeprefix("RRULE:")
    try:
        if len(plain) > LONGEST_RULE:
            raise ValueError(_("it is longer than %(longest)s characters") % {"longest": LONGEST_RULE})
        parts = parts_of(plain)
        _refuse_out_of_range(parts)
        _until(plain, ZoneInfo("UTC"))
        rrulestr(
            ";".join(f"{name}={value}" for name, value in parts.items() if name != "UNTIL"),
            dtstart=datetime(2026, 1, 1),
        )
    except (ValueError, OverflowError, AttributeError, KeyError, IndexError) as error:
        raise BadRule(rule=rule[:80], reason=error) from None
    return plain


def validated(rule: str) -> str:
    """As `parsed`; raises BadRule also for what can't be a series of sends."""
    plain = parsed(rule)
    try:
        _refuse_what_never_comes(parts_of(plain))
    except ValueError as error:
        raise BadRule(rule=rule[:80], reason=error) from None
    return plain


def parts_of(rule: str) -> dict[str, str]:
    """Return the parts of a rule of RFC 5545 by name; raise ValueError where it is none that is known here."""
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _sign, value = part.partition("=")
        if name not in KNOWN:
            raise ValueError(_("“%(part)s” is not known") % {"part": part})
        if name in parts:
            raise ValueError(_("“%(part)s” stands twice") % {"part": name})
        if not value:
            raise ValueError(_("“%(part)s” says nothing") % {"part": name})
        parts[name] = value
    if "FREQ" not in parts:
        raise ValueError(_("FREQ is missing"))
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError(_("it can't end by COUNT and by UNTIL"))
    for name in ("INTERVAL", "COUNT"):
        number = parts.get(name, "1")
        if (
            not (number.isascii() and number.isdecimal())
            or not 1 <= int(number[:9]) <= MOST
            or len(number) > 9
        ):
            raise ValueError(_("%(part)s is a number from 1 to %(most)s") % {"part": name, "most": MOST})
    return parts


def _refuse_out_of_range(parts: dict[str, str]) -> None:
    """Raise a ValueError for numbers that no calendar has; dateutil takes some, and fails once it expands them."""
    for name in LARGEST.keys() & parts.keys():
        for text in parts[name].split(","):
            number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,3}", text) else None
            least = 0 if name in FROM_ZERO else 1
            size = abs(number) if number is not None and name in FROM_THE_END else number
            if size is None or not least <= size <= LARGEST[name]:
                raise ValueError(_("“%(part)s” is out of range") % {"part": f"{name}={text[:20]}"})
    most = 53 if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts else 5  # weeks of a year, or of a month
    for day in parts.get("BYDAY", "").split(","):
        which = re.match(r"[+-]?([0-9]+)", day)
        if which and (len(which[1]) > 2 or int(which[1]) > most):
            raise ValueError(_("“%(part)s” is out of range") % {"part": f"BYDAY={day[:20]}"})


def _refuse_what_never_comes(parts: dict[str, str]) -> None:
    """30 February would be looked for until the year 9999; below a day so would any day of a month."""
    times = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= len(set(parts.get(name, "0").split(",")))
    if parts["FREQ"] not in WITHIN_A_DAY and times > MOST_TIMES_A_DAY:
        raise ValueError(_("it comes more than %(most)s times a day") % {"most": MOST_TIMES_A_DAY})
    if parts["FREQ"] == "SECONDLY":
        raise ValueError(_("a delivery recurs once a minute at most"))
    by_day = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYSECOND"} & parts.keys()
    if parts["FREQ"] in WITHIN_A_DAY and by_day:
        raise ValueError(_("%(freq)s goes with BYDAY, BYHOUR and BYMINUTE only") % {"freq": parts["FREQ"]})
    if parts["FREQ"] in {"DAILY", "WEEKLY"} and {"BYYEARDAY", "BYWEEKNO"} & parts.keys():
        raise ValueError(_("BYYEARDAY and BYWEEKNO go with YEARLY only"))
    if "BYMONTH" in parts and "BYMONTHDAY" in parts:
        months = [int(month) for month in parts["BYMONTH"].split(",")]
        days = [abs(int(day)) for day in parts["BYMONTHDAY"].split(",")]
        if min(days) > max(LONGEST_MONTHS.get(month, 31) for month in months):
            raise ValueError(_("no month has that day"))


def _until(rule: str, zone: ZoneInfo) -> datetime | None:
    """The last moment that counts. A date alone means the whole of that day, as people mean it."""
    text = parts_of(rule).get("UNTIL")
    if text is None:
        return None
    try:
        if text.endswith("Z"):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if "T" in text:
            local = datetime.strptime(text, "%Y%m%dT%H%M%S")
        else:
            local = datetime.combine(datetime.strptime(text, "%Y%m%d"), time.max)
    except ValueError:
        raise ValueError(_("UNTIL is a date like 20261231 or 20261231T235959Z")) from None
    if local.year > LAST_YEAR:  # as good as no end; in some zones it is no moment of the calendar
        return None
    return max(local, datetime(2, 1, 1)).replace(tzinfo=zone).astimezone(UTC)
