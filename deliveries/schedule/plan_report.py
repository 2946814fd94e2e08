"""The sending plan as people read it: who leaves when, in whose zone, what has passed, what was late.

Before the confirmation it is the plan as a confirmation now would fix it; afterwards the plan that was fixed, with
its progress. It is read from moments and chunks, never from messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from campaign.lib import numbers, reader_zone, spans
from deliveries.lifecycle import groups
from deliveries.models import OUTCOMES, Delivery, Moment, PastChoice, ScheduleKind, WaveBy
from deliveries.schedule import moments, planning

STATES = {
    "ahead": _("Ahead"),
    "soon": _("Soon"),
    "moved": _("Next day"),
    "now": _("With OK"),
    "passed": _("Has passed"),
    "leaving": _("Leaving"),
    "retrying": _("Retrying"),
    "left": _("Left"),
    "held": _("Held"),
}
TONES = {
    "soon": "yellow",
    "moved": "yellow",
    "now": "yellow",
    "passed": "red",
    "left": "green",
    "held": "yellow",
}
BEGUN = frozenset({"leaving", "retrying", "left"})


@dataclass(frozen=True)
class ZoneLine:
    """The people of one zone, and what their clocks show at their moment."""

    zone: str
    people: int
    without_zone: int
    local: datetime
    is_skipped: bool = False  # the promised hour does not exist there on that day
    moment: int = 0  # its number in the plan that is stored

    @property
    def rows(self) -> str:
        """What narrows the sending log to its people."""
        return f"moments={self.moment}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "zone": self.zone,
            "people": self.people,
            "without_zone": self.without_zone,
            "local": self.local.isoformat(timespec="minutes"),
        }


@dataclass(frozen=True)
class PlanRow:
    """One moment of the plan: a wave, or the zones whose hour comes at the same time."""

    number: int
    at: datetime
    people: int
    state: str
    zones: list[ZoneLine] = field(default_factory=list)
    done: int = 0
    late: timedelta | None = None  # of the first message
    held_percent: float | None = None
    moments: tuple[int, ...] = ()  # the stored ones that make it up

    @property
    def rows(self) -> str:
        """What narrows the sending log to its people."""
        return f"moments={spans.text(self.moments)}"

    @property
    def label(self) -> str | Promise:
        return STATES[self.state]

    @property
    def tone(self) -> str:
        return TONES.get(self.state, "")

    @property
    def is_over(self) -> bool:
        return self.done >= self.people

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at": self.at,
            "people": self.people,
            "state": self.state,
            "done": self.done,
            "late_seconds": None if self.late is None else round(self.late.total_seconds(), 3),
            "held_percent": self.held_percent,
            "zones": [line.as_dict() for line in self.zones],
        }


@dataclass(frozen=True)
class Plan:
    kind: str
    zone: str
    is_fixed: bool
    rows: list[PlanRow]
    passed: int  # people whose hour has passed before it is confirmed
    soon: int  # people whose hour comes before anybody may have confirmed
    left_out: int
    choice: str
    soon_minutes: int
    must_prepare_again: bool = False
    passed_moments: frozenset[int] = frozenset()
    soon_moments: frozenset[int] = frozenset()

    @property
    def passed_rows(self) -> str:
        """What narrows the sending log to those whose hour has passed."""
        return f"moments={spans.text(self.passed_moments)}"

    @property
    def soon_rows(self) -> str:
        """What narrows the sending log to those whose hour comes too soon."""
        return f"moments={spans.text(self.soon_moments)}"

    @property
    def people(self) -> int:
        return sum(row.people for row in self.rows)

    @property
    def first(self) -> PlanRow:
        return min(self.rows, key=lambda row: row.at)

    @property
    def last(self) -> PlanRow:
        return max(self.rows, key=lambda row: row.at)

    @property
    def without_zone(self) -> int:
        return sum(line.without_zone for row in self.rows for line in row.zones)

    @property
    def next(self) -> PlanRow | None:
        """The first moment that has not begun."""
        waiting = [row for row in self.rows if row.state not in BEGUN]
        return min(waiting, key=lambda row: row.at, default=None)

    @property
    def held(self) -> PlanRow | None:
        return next((row for row in self.rows if row.state == "held"), None)

    @property
    def to_go(self) -> int:
        return sum(row.state not in BEGUN for row in self.rows)

    @property
    def begun(self) -> int:
        return len(self.rows) - self.to_go

    @property
    def latest(self) -> PlanRow | None:
        """The moment that began last, with how late its first message was."""
        begun = [row for row in self.rows if row.late is not None]
        return max(begun, key=lambda row: row.at, default=None)

    @property
    def choice_label(self) -> str | Promise:
        return PastChoice(self.choice).label

    @property
    def is_by_waves(self) -> bool:
        return self.kind == ScheduleKind.WAVES

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "fixed": self.is_fixed,
            "moments": len(self.rows),
            "people": self.people,
            "first": self.first.at,
            "last": self.last.at,
            "passed": self.passed,
            "soon": self.soon,
            "left_out": self.left_out,
            "past_choice": self.choice if self.kind == ScheduleKind.LOCAL_HOUR else None,
            "must_prepare_again": self.must_prepare_again,
            "without_zone": self.without_zone,
            "rows": [row.as_dict() for row in self.rows],
        }


def plan(delivery: Delivery, *, at: datetime, grace: timedelta = timedelta()) -> Plan | None:
    """Return the plan of what is prepared; None where all leave at the same time or nothing is prepared."""
    preparation = delivery.preparation
    if not delivery.has_moments or preparation is None or not preparation.seal:
        return None
    stored = list(delivery.moments.order_by("number"))
    if not stored:
        return None
    is_fixed = delivery.status in groups.FIXED
    shown, must_prepare_again = stored, False
    passed, soon = (set(), set()) if is_fixed else _passed_and_soon(delivery, stored, at)
    if not is_fixed:
        try:
            shown = planning.settled(delivery, at=at, grace=grace)
        except planning.HourPassed:
            must_prepare_again = True
    return Plan(
        kind=delivery.schedule_kind,
        zone=delivery.time_zone,
        is_fixed=is_fixed,
        rows=_rows(delivery, shown, passed=passed, soon=soon, at=at),
        passed=sum(m.people for m in stored if m.number in passed),
        soon=sum(m.people for m in stored if m.number in soon),
        left_out=preparation.causes.get("hour_passed", 0),
        choice=delivery.past_choice,
        soon_minutes=settings.SINETE["confirm_minutes"],
        must_prepare_again=must_prepare_again,
        passed_moments=frozenset(passed),
        soon_moments=frozenset(soon),
    )


def _passed_and_soon(delivery: Delivery, stored: Sequence[Moment], at: datetime) -> tuple[set[int], set[int]]:
    """Return the moments whose hour has passed, and those whose hour comes before anybody may have confirmed."""
    soon_at = at + timedelta(minutes=settings.SINETE["confirm_minutes"])
    hours = {m.number: hour for m in stored if (hour := _hour(delivery, m)) is not None}
    return (
        {number for number, hour in hours.items() if hour <= at},
        {number for number, hour in hours.items() if at < hour <= soon_at},
    )


def _hour(delivery: Delivery, moment: Moment) -> datetime | None:
    """Return when the hour that was asked for comes in the moment's zone; None for a wave."""
    if delivery.local_date is None or delivery.local_hour is None:
        return None
    return moments.instant(delivery.local_date, delivery.local_hour, moment.zone)


def _rows(
    delivery: Delivery, shown: Sequence[Moment], *, passed: set[int], soon: set[int], at: datetime
) -> list[PlanRow]:
    done, retrying = _progress(delivery)
    ordered = sorted(shown, key=lambda m: (m.not_before or at, m.number))
    together = [list(rows) for _gate, rows in groupby(ordered, key=_group_key(delivery, at))]
    return [
        PlanRow(
            number=place,
            at=group[0].not_before or at,
            people=sum(m.people for m in group),
            state=_state(delivery, group, done, retrying, passed=passed, soon=soon),
            zones=[_line(delivery, m, at) for m in sorted(group, key=lambda m: -m.people) if m.zone],
            done=sum(done.get(m.number, 0) for m in group),
            late=_late(group),
            held_percent=next((float(m.held_percent) for m in group if m.held_percent is not None), None),
            moments=tuple(m.number for m in group),
        )
        for place, group in enumerate(together, start=1)
    ]


def _group_key(delivery: Delivery, at: datetime) -> Any:
    if delivery.schedule_kind == ScheduleKind.WAVES:
        return lambda m: m.number
    return lambda m: m.not_before or at


def _state(
    delivery: Delivery, group: list[Moment], done: dict[int, int], retrying: dict[int, int],
    *, passed: set[int], soon: set[int],
) -> str:  # fmt: skip
    if any(m.is_held for m in group):
        return "held"
    if all(done.get(m.number, 0) + retrying.get(m.number, 0) >= m.people for m in group):
        return "retrying" if any(retrying.get(m.number) for m in group) else "left"
    if any(m.opened_at is not None for m in group):
        return "leaving"
    if any(m.number in passed for m in group):
        return {PastChoice.NEXT_DAY: "moved", PastChoice.NOW: "now", PastChoice.LEAVE_OUT: "passed"}[
            PastChoice(delivery.past_choice)
        ]
    return "soon" if any(m.number in soon for m in group) else "ahead"


def _line(delivery: Delivery, moment: Moment, at: datetime) -> ZoneLine:
    zone = moments.known(moment.zone)
    local = (moment.not_before or at).astimezone(zone)
    hour = _hour(delivery, moment)
    shown = hour.astimezone(zone) if hour else None
    return ZoneLine(
        zone=moment.zone,
        people=moment.people,
        without_zone=moment.without_zone,
        local=local,
        is_skipped=bool(shown and shown.time().replace(second=0) != delivery.local_hour),
        moment=moment.number,
    )


def _late(group: list[Moment]) -> timedelta | None:
    """Return how long after its time the first message had an answer; of several zones, the longest."""
    found = [m.first_left_at - m.not_before for m in group if m.first_left_at and m.not_before]
    return max(found, default=None)


def _progress(delivery: Delivery) -> tuple[dict[int, int], dict[int, int]]:
    """How many messages of each moment have an outcome, and how many were put off and are tried again."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT moment, sum({' + '.join(OUTCOMES)})::int, sum(retrying)::int"
            " FROM deliveries_chunk WHERE delivery_id = %s AND moment IS NOT NULL GROUP BY moment",
            [delivery.pk],
        )
        rows = cursor.fetchall()
    return {moment: done for moment, done, _again in rows}, {moment: again for moment, _done, again in rows}


def lateness(row: PlanRow) -> str:
    """Return the delay in words: “first message left 0.2 s after its time”."""
    assert row.late is not None
    return _t("first message left %(seconds)s after its time") % {"seconds": in_seconds(row.late)}


def in_seconds(span: timedelta) -> str:
    """A span of time in words: seconds below a minute, else hours and minutes."""
    seconds = span.total_seconds()
    if seconds < 60:
        return _t("%(seconds)s s") % {"seconds": number_format(max(0.0, seconds), 1)}
    minutes = int(seconds // 60)
    return _t("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": minutes % 60}


def in_words(delivery: Delivery) -> str | Promise:
    """Return the schedule in a sentence; of kinds that need none, their name."""
    if delivery.local_date is not None and delivery.local_hour is not None:
        day = date_format(delivery.local_date, reader_zone.localised("j M Y"))
        said = _t("%(day)s at %(hour)s in each recipient's time zone; %(zone)s for those without one") % {
            "day": day, "hour": f"{delivery.local_hour:%H:%M}", "zone": delivery.time_zone.replace("_", " "),
        }  # fmt: skip
        choice = str(PastChoice(delivery.past_choice).label)
        passed = _t("whose hour has passed: %(choice)s") % {"choice": choice[0].lower() + choice[1:]}
        return f"{said}; {passed}"
    if delivery.schedule_kind != ScheduleKind.WAVES:
        return ScheduleKind(delivery.schedule_kind).label
    start = _t("at once, when confirmed")
    if delivery.contact_date is not None:
        start = reader_zone.in_words(delivery.contact_date, delivery.zone)
    words = [
        _WAVES_IN_WORDS[WaveBy(delivery.wave_by)] % {"value": delivery.wave_value},
        _t("%(minutes)s minutes apart") % {"minutes": delivery.wave_minutes},
        _t("the first: %(start)s") % {"start": start},
    ]
    if delivery.wave_limit is not None:
        limit = numbers.short(delivery.wave_limit)
        words.append(_t("held above %(limit)s%% bounces and errors") % {"limit": limit})
    return ", ".join(str(word) for word in words)


_WAVES_IN_WORDS = {
    WaveBy.NUMBER: _("In %(value)s waves"),
    WaveBy.SHARE: _("In waves of %(value)s%%"),
    WaveBy.SIZE: _("In waves of %(value)s messages"),
}
