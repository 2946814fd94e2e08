"""What a recurrence rule says (RFC 5545, 3.3.10): its parts, read, and what the standard forbids, refused.

Strict where a rule is taken in (`refuse_what_is_no_rule`), lenient where it has long been in use (`Rule.read`).
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext_lazy as _

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
WITHIN_A_DAY = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}  # seconds
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LARGEST = {
    "BYSECOND": 60, "BYMINUTE": 59, "BYHOUR": 23, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYMONTH": 12,
    "BYSETPOS": 366,
}  # fmt: skip
FROM_THE_END = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}  # these may be negative
FROM_ZERO = {"BYSECOND", "BYMINUTE", "BYHOUR"}
BY_PARTS = LARGEST.keys() | {"BYDAY"}
KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", *BY_PARTS}
# The notes below the standard's table.
FORBIDDEN = {
    "BYMONTHDAY": {"WEEKLY"},
    "BYYEARDAY": {"DAILY", "WEEKLY", "MONTHLY"},
    "BYWEEKNO": set(FREQUENCIES) - {"YEARLY"},
}
WEEKDAY = re.compile(r"([+-]?[0-9]+)?(MO|TU|WE|TH|FR|SA|SU)(?:\(([+-]?[0-9]+)\))?")  # MO(2) was once taken in
MOST = 100_000


@dataclass(frozen=True)
class Rule:
    """The parts of a rule as numbers. None: the rule does not say it."""

    freq: str
    interval: int
    count: int | None
    week_start: int  # 0: Monday
    months: frozenset[int] | None
    weeks: frozenset[int] | None
    year_days: frozenset[int] | None
    month_days: frozenset[int] | None
    weekdays: frozenset[tuple[int, int]] | None  # (2, 0): the second Monday; (0, 0): every Monday
    hours: frozenset[int] | None
    minutes: frozenset[int] | None
    seconds: frozenset[int] | None
    positions: frozenset[int]

    @classmethod
    def read(cls, text: str) -> "Rule":
        """What the text says. Numbers that no calendar has are left in: they never come."""
        parts = parts_of(text)
        seconds = _numbers(parts, "BYSECOND")
        month_days = _numbers(parts, "BYMONTHDAY")
        return cls(
            freq=parts["FREQ"],
            interval=int(parts.get("INTERVAL", "1")),
            count=int(parts["COUNT"]) if "COUNT" in parts else None,
            week_start=DAYS.index(parts.get("WKST", "MO")),
            months=_numbers(parts, "BYMONTH"),
            weeks=_numbers(parts, "BYWEEKNO"),
            year_days=_numbers(parts, "BYYEARDAY"),
            month_days=None if month_days is None else month_days - {0},
            weekdays=_weekdays(parts),
            hours=_numbers(parts, "BYHOUR"),
            minutes=_numbers(parts, "BYMINUTE"),
            # A leap second that clocks here don't show is read as the one before (RFC 5545, 3.3.12).
            seconds=None if seconds is None else frozenset(min(second, 59) for second in seconds),
            positions=_numbers(parts, "BYSETPOS") or frozenset(),
        )

    def begun(self, start: datetime, *, every_day_of_a_week: bool = False) -> "Rule":
        """The rule with what it leaves to its start: day and month, weekday, time of day.

        With `every_day_of_a_week` weeks that are named by their number alone mean all seven days.
        """
        said = self
        if self.weeks is not None and self._says_no_other_day():
            days = range(7) if every_day_of_a_week else [start.weekday()]
            said = replace(said, weekdays=frozenset((0, day) for day in days))
        elif self.weeks is None and self._says_no_other_day():
            said = self._on_the_day_of(start)
        # A rhythm in days leaves the hour to the start, one in hours only the minute, and so on.
        finer = {"hours": 4, "minutes": 5, "seconds": 6}
        left = {
            name: frozenset({getattr(start, name.removesuffix("s"))})
            for name, level in finer.items()
            if getattr(self, name) is None and FREQUENCIES.index(self.freq) < level
        }
        return replace(said, **left)  # type: ignore[arg-type]  # each of these is a set of numbers

    def _says_no_other_day(self) -> bool:
        return self.year_days is None and self.month_days is None and self.weekdays is None

    def _on_the_day_of(self, start: datetime) -> "Rule":
        if self.freq == "WEEKLY":
            return replace(self, weekdays=frozenset({(0, start.weekday())}))
        if self.freq == "MONTHLY":
            return replace(self, month_days=frozenset({start.day}))
        if self.freq == "YEARLY":
            months = frozenset({start.month}) if self.months is None else self.months
            return replace(self, months=months, month_days=frozenset({start.day}))
        return self


def _numbers(parts: dict[str, str], name: str) -> frozenset[int] | None:
    return frozenset(map(int, parts[name].split(","))) if name in parts else None


def _weekdays(parts: dict[str, str]) -> frozenset[tuple[int, int]] | None:
    """Numbers of weekdays count in months and years only; elsewhere every such day is meant."""
    if "BYDAY" not in parts:
        return None
    counts = parts["FREQ"] in {"YEARLY", "MONTHLY"}
    found = [WEEKDAY.fullmatch(day) for day in parts["BYDAY"].split(",")]
    days = [(day[1] or day[3] or "0", DAYS.index(day[2])) for day in found if day]
    return frozenset((int(number) if counts else 0, day) for number, day in days)


def parts_of(rule: str) -> dict[str, str]:
    """The parts of a rule by name; raises ValueError where it is none that is known here."""
    parts: dict[str, str] = {}
    for part in rule.removesuffix(";").split(";"):
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
        if not re.fullmatch(r"[0-9]{1,9}", number) or not 1 <= int(number) <= MOST:
            raise ValueError(_("%(part)s is a number from 1 to %(most)s") % {"part": name, "most": MOST})
    return parts


def refuse_what_is_no_rule(parts: dict[str, str]) -> None:
    """Raise a ValueError that names the part which RFC 5545 forbids."""
    freq = parts["FREQ"]
    for name, value, known in (("FREQ", freq, FREQUENCIES), ("WKST", parts.get("WKST", "MO"), DAYS)):
        if value not in known:
            raise ValueError(_("“%(part)s” is not known") % {"part": f"{name}={value[:20]}"})
    for name in LARGEST.keys() & parts.keys():
        _refuse_out_of_range(name, parts[name])
    for name, frequencies in FORBIDDEN.items():
        if name in parts and freq in frequencies:
            raise ValueError(_refused_with(name, f"FREQ={freq}"))
    _refuse_weekdays(parts)
    if not re.fullmatch(r"[0-9]{8}(T[0-9]{6}Z?)?", parts.get("UNTIL", "20261231")):
        raise ValueError(_("UNTIL is a date like 20261231 or 20261231T235959Z"))
    if "BYSETPOS" in parts and not (BY_PARTS - {"BYSETPOS"}) & parts.keys():
        raise ValueError(_("BYSETPOS needs another BY… part, from which it chooses"))


def _refuse_out_of_range(name: str, value: str) -> None:
    signs = "[+-]?" if name in FROM_THE_END else ""
    shape = f"{signs}[0-9]{{1,{len(str(LARGEST[name]))}}}"
    least = 0 if name in FROM_ZERO else 1
    for text in value.split(","):
        if not re.fullmatch(shape, text) or not least <= abs(int(text)) <= LARGEST[name]:
            raise ValueError(_out_of_range(f"{name}={text[:20]}"))


def _refuse_weekdays(parts: dict[str, str]) -> None:
    freq = parts["FREQ"]
    most = 53 if freq == "YEARLY" and "BYMONTH" not in parts else 5  # weeks of a year, or of a month
    for day in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        said, read = f"BYDAY={day[:20]}", re.fullmatch(r"([+-]?[0-9]+)?(MO|TU|WE|TH|FR|SA|SU)", day)
        if read is None:
            raise ValueError(_("“%(part)s” is no day of the week") % {"part": said})
        if read[1] is None:
            continue
        if not re.fullmatch(r"[+-]?[0-9]{1,2}", read[1]) or not 1 <= abs(int(read[1])) <= most:
            raise ValueError(_out_of_range(said))
        if freq not in {"YEARLY", "MONTHLY"}:
            raise ValueError(_refused_with(said, f"FREQ={freq}"))
        if "BYWEEKNO" in parts:
            raise ValueError(_refused_with(said, "BYWEEKNO"))


def _out_of_range(part: str) -> str:
    return _("“%(part)s” is out of range") % {"part": part}


def _refused_with(part: str, other: str) -> str:
    return _("“%(part)s” does not go with %(other)s") % {"part": part, "other": other}
