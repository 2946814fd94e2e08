"""A recurrence as people say it: every two weeks on Monday and Thursday. To a rule and back, and in words."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from campaign.lib import reader_zone, recurrence
from deliveries.models import Series

OWN = "OWN"
UNITS = [
    ("MINUTELY", _("minutes")),
    ("HOURLY", _("hours")),
    ("DAILY", _("days")),
    ("WEEKLY", _("weeks")),
    ("MONTHLY", _("months")),
    ("YEARLY", _("years")),
    (OWN, _("by a rule of its own")),
]
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
POSITIONS = {"1": _("first"), "2": _("second"), "3": _("third"), "4": _("fourth"), "-1": _("last")}
# Where a language has a gender: Portuguese has it for Saturday and Sunday.
MASCULINE = {
    "1": pgettext_lazy("masculine weekday", "first"),
    "2": pgettext_lazy("masculine weekday", "second"),
    "3": pgettext_lazy("masculine weekday", "third"),
    "4": pgettext_lazy("masculine weekday", "fourth"),
    "-1": pgettext_lazy("masculine weekday", "last"),
}
# What the sentence can say; a rule with anything else is shown as it is.
SAYABLE = {
    "MINUTELY": set(),
    "HOURLY": set(),
    "DAILY": set(),
    "WEEKLY": {"BYDAY"},
    "MONTHLY": {"BYDAY", "BYMONTHDAY"},
    "YEARLY": set(),
}


@dataclass(frozen=True)
class RuleSentence:
    """The parts of the sentence; `own` is a rule that no sentence says."""

    every: int = 1
    unit: str = "WEEKLY"
    weekdays: tuple[str, ...] = ()
    month_day: int | None = None  # -1: the last
    position: int | None = None  # with `weekday`: the second Tuesday
    weekday: str = ""
    count: int | None = None
    until: date | None = None
    own: str = ""

    def to_rule(self) -> str:
        """Return the RFC 5545 value; a rule of one's own as it was typed."""
        if self.unit == OWN:
            return self.own
        parts = [f"FREQ={self.unit}"]
        parts += [f"INTERVAL={self.every}"] if self.every != 1 else []
        parts += [f"BYDAY={','.join(self.weekdays)}"] if self.unit == "WEEKLY" and self.weekdays else []
        if self.unit == "MONTHLY" and self.position and self.weekday:
            parts.append(f"BYDAY={self.position}{self.weekday}")
        elif self.unit == "MONTHLY" and self.month_day:
            parts.append(f"BYMONTHDAY={self.month_day}")
        parts += [f"COUNT={self.count}"] if self.count else []
        parts += [f"UNTIL={self.until:%Y%m%d}"] if self.until and not self.count else []
        return ";".join(parts)


def of(rule: str) -> RuleSentence:
    """Return the sentence that says a rule; OWN where none does."""
    parts = recurrence.parts_of(rule)
    rhythm = _said(parts)
    return rhythm or RuleSentence(unit=OWN, own=rule)


def _said(parts: dict[str, str]) -> RuleSentence | None:
    unit = parts["FREQ"]
    if unit not in SAYABLE or parts.keys() - {"FREQ", "INTERVAL", "COUNT", "UNTIL"} - SAYABLE[unit]:
        return None
    said: dict[str, Any] = {"unit": unit, "every": int(parts.get("INTERVAL", "1"))}
    said |= {"count": int(parts["COUNT"])} if "COUNT" in parts else {}
    if "UNTIL" in parts:
        if len(parts["UNTIL"]) != len("20261231"):
            return None
        said["until"] = datetime.strptime(parts["UNTIL"], "%Y%m%d").date()  # noqa: DTZ007  a day has no zone
    by_day, by_month_day = parts.get("BYDAY", ""), parts.get("BYMONTHDAY", "")
    if unit == "WEEKLY" and by_day:
        if not set(by_day.split(",")) <= set(CODES):
            return None
        said["weekdays"] = tuple(sorted(set(by_day.split(",")), key=CODES.index))
    if unit == "MONTHLY" and by_day:
        position, weekday = by_day[:-2].removeprefix("+"), by_day[-2:]
        if position not in POSITIONS or weekday not in CODES or by_month_day:
            return None
        said |= {"position": int(position), "weekday": weekday}
    if unit == "MONTHLY" and by_month_day:
        days = {str(day) for day in range(1, 32)} | {"-1"}
        if by_month_day not in days:
            return None
        said["month_day"] = int(by_month_day)
    return RuleSentence(**said)


def in_words(series: Series) -> str:
    """Every 2 weeks on Monday and Thursday at 09:00 (Europe/Paris), from 1 Dec 2026, 10 times."""
    rhythm = of(series.rule)
    said = _t("By the rule %(rule)s") % {"rule": rhythm.own} if rhythm.unit == OWN else _every(rhythm, series)
    words = _t("%(often)s at %(time)s (%(zone)s), from %(day)s") % {
        "often": said,
        "time": f"{series.at:%H:%M}",
        "zone": series.delivery.time_zone.replace("_", " "),
        "day": _day(series.starts_on),
    }
    if rhythm.count:
        words += ", " + ngettext("%(n)s time", "%(n)s times", rhythm.count) % {"n": rhythm.count}
    if rhythm.until:
        words += ", " + _t("until %(day)s") % {"day": _day(rhythm.until)}
    if series.excluded_dates:
        words += ", " + _t("not on %(days)s") % {"days": ", ".join(map(_day, sorted(series.excluded_dates)))}
    return words


def _every(rhythm: RuleSentence, series: Series) -> str:
    n = rhythm.every
    often = {
        "MINUTELY": ngettext("Every minute", "Every %(n)s minutes", n),
        "HOURLY": ngettext("Every hour", "Every %(n)s hours", n),
        "DAILY": ngettext("Every day", "Every %(n)s days", n),
        "WEEKLY": ngettext("Every week", "Every %(n)s weeks", n),
        "MONTHLY": ngettext("Every month", "Every %(n)s months", n),
        "YEARLY": ngettext("Every year", "Every %(n)s years", n),
    }[rhythm.unit] % {"n": n}
    on = _on(rhythm, series)
    return _t("%(often)s on %(days)s") % {"often": often, "days": on} if on else often


def _on(rhythm: RuleSentence, series: Series) -> str:
    start = series.starts_on
    if rhythm.unit == "WEEKLY":
        days = rhythm.weekdays or (CODES[start.weekday()],)
        return _t("%(days)s") % {"days": _listed([_named(code) for code in days])}
    if rhythm.unit == "MONTHLY" and rhythm.position:
        position, weekday = str(rhythm.position), _named(rhythm.weekday)
        if rhythm.weekday in {"SA", "SU"}:
            said = pgettext("masculine weekday", "the %(position)s %(weekday)s")
            return said % {"position": MASCULINE[position], "weekday": weekday}
        return _t("the %(position)s %(weekday)s") % {"position": POSITIONS[position], "weekday": weekday}
    if rhythm.unit == "MONTHLY":
        day = rhythm.month_day or start.day
        return _t("the last day") if day == -1 else _t("day %(day)s") % {"day": day}
    if rhythm.unit == "YEARLY":
        return _t("%(day)s %(month)s") % {"day": start.day, "month": MONTHS[start.month]}
    return ""


def _named(code: str) -> str:
    """A weekday within a sentence, where Portuguese writes it small."""
    name = str(WEEKDAYS[CODES.index(code)])
    return name.lower() if (get_language() or "").startswith("pt") else name


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return _t("%(some)s and %(last)s") % {"some": ", ".join(words[:-1]), "last": words[-1]}


def _day(day: date) -> str:
    return date_format(day, reader_zone.localised("j M Y"))
