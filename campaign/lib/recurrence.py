"""Recurrence rules (RFC 5545, 3.3.10) and the moments that they mean in a zone.

A rule is expanded on the wall clock: 09:00 stays 09:00 over a change of the clock. A time that does not
exist on its day is read with the offset before the change, so 02:30 becomes 03:30; of a time that occurs
twice the first is meant (RFC 5545, 3.3.5).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# ruff: noqa: DTZ001, DTZ007 -- what a wall clock shows has no zone until it is given one
from django.utils.translation import gettext_lazy as _

from campaign.lib.expansion import LAST_YEAR, Expansion
from campaign.lib.refusals import Refusal
from campaign.lib.rrule import MOST, WITHIN_A_DAY, parts_of, refuse_what_is_no_rule

LONGEST_RULE = 500
MOST_TIMES_A_DAY = 48
LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
FARTHEST_OFFSET = timedelta(days=2)  # between what two zones show, with room to spare

__all__ = [
    "LONGEST_RULE",
    "MOST",
    "BadRule",
    "Reading",
    "Recurrence",
    "parsed",
    "parts_of",
    "readings_differ",
    "validated",
]


class BadRule(Refusal):
    message = _("“%(rule)s” is no recurrence rule: %(reason)s")
    code = "bad_rule"


class Reading(StrEnum):
    """How a rule is read where people once read it otherwise.

    Earlier a week that was named by its number meant all of its days, the first week of BYSETPOS began with the start,
    and of numbered and plain weekdays in one rule only what is both was meant.
    """

    STANDARD = "rfc5545"
    EARLIER = "earlier"


@dataclass(frozen=True)
class Recurrence:
    """A rule from a local start in a zone, without the days that are left out."""

    rule: str  # an RRULE value without its prefix: FREQ=WEEKLY;BYDAY=MO
    start: datetime  # naive: what the clocks in the zone show
    zone: str
    excluded: frozenset[date] = field(default_factory=frozenset)
    reading: str = Reading.STANDARD

    def moments(self, after: datetime | None = None) -> Iterator[datetime]:
        """Every moment in its order, in UTC; with `after` those that are later than it."""
        zone, last = ZoneInfo(self.zone), after
        shown = after and after.astimezone(zone).replace(tzinfo=None) - FARTHEST_OFFSET
        until = _until(self.rule, zone)
        for local in self.expansion().times(shown):
            # In the year 1 some zones are still in the one before, which no calendar has.
            if (shown and local < shown) or local.year == 1:
                continue
            moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if until is not None and moment > until:
                return
            # An hour that is skipped and the one after it come to the same minutes.
            if local.date() not in self.excluded and (last is None or moment > last):
                last = moment
                yield moment

    def expansion(self) -> Expansion:
        """What clocks show, without an end by UNTIL."""
        return Expansion(self.rule, self.start, earlier=self.reading == Reading.EARLIER)


def parsed(rule: str, start: datetime) -> str:
    """The rule in capitals, without its prefix; raises BadRule for what RFC 5545 forbids, and for what never comes.

    `start` is what the clocks in its zone show.
    """
    try:
        plain = _plain(rule)
        refuse_what_is_no_rule(parts_of(plain))
        _refuse_what_never_comes(plain, start)
    except ValueError as error:
        raise BadRule(rule=rule[:80], reason=error) from None
    return plain


def validated(rule: str, start: datetime) -> str:
    """As `parsed`; raises BadRule also for what can't be a series of sends."""
    try:
        parts = parts_of(_plain(rule))
        refuse_what_is_no_rule(parts)
        _refuse_what_is_too_often(parts)
    except ValueError as error:
        raise BadRule(rule=rule[:80], reason=error) from None
    return parsed(rule, start)


def readings_differ(rule: str) -> bool:
    """Whether a rule may have come at other moments in the earlier reading."""
    parts = parts_of(rule)
    lengths = {len(day) > 2 for day in parts.get("BYDAY", "MO").split(",")}
    return "BYWEEKNO" in parts or (parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts) or len(lengths) == 2


def _plain(rule: str) -> str:
    """In capitals, without spaces, folded lines, prefix and a last semicolon."""
    if len(rule) > 2 * LONGEST_RULE:
        raise ValueError(_("it is longer than %(longest)s characters") % {"longest": LONGEST_RULE})
    plain = "".join(rule.split())
    plain = plain.upper() if plain.isascii() else plain  # some letters elsewhere have an ASCII capital
    plain = plain.removeprefix("RRULE:").removesuffix(";")
    if len(plain) > LONGEST_RULE:
        raise ValueError(_("it is longer than %(longest)s characters") % {"longest": LONGEST_RULE})
    return plain


def _refuse_what_is_too_often(parts: dict[str, str]) -> None:
    times, seconds = 1, len(set(parts.get("BYSECOND", "0").split(",")))
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= len(set(parts.get(name, "0").split(",")))
    if parts["FREQ"] == "SECONDLY" or (parts["FREQ"] in WITHIN_A_DAY and seconds > 1):
        raise ValueError(_("a delivery recurs once a minute at most"))
    if parts["FREQ"] not in WITHIN_A_DAY and times > MOST_TIMES_A_DAY:
        raise ValueError(_("it comes more than %(most)s times a day") % {"most": MOST_TIMES_A_DAY})


def _refuse_what_never_comes(rule: str, start: datetime) -> None:
    parts = parts_of(rule)
    _until(rule, ZoneInfo("UTC"))
    if "BYMONTH" in parts and "BYMONTHDAY" in parts:
        months = [int(month) for month in parts["BYMONTH"].split(",")]
        days = [abs(int(day)) for day in parts["BYMONTHDAY"].split(",")]
        if min(days) > max(LONGEST_MONTHS.get(month, 31) for month in months):
            raise ValueError(_("no month has that day"))
    if next(Expansion(rule, start).times(), None) is None:
        raise ValueError(_("from %(start)s on it never comes") % {"start": f"{start:%Y-%m-%d %H:%M}"})


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
