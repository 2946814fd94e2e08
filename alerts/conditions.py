"""Which conditions hold: pure, of the figures of a delivery, the limits of its unit and what is usual there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from alerts.figures import OLDEST, Standing
from alerts.models import Baseline, Condition
from deliveries.lifecycle import groups
from deliveries.models import Status

CALMED = Decimal("0.8")  # an alert of a rate is over once it is below this part of its limit
FEWEST = 5  # messages: fewer than that are no rate that could be compared with what is usual
FEWEST_LIKE = 3  # finished deliveries: fewer say nothing of what is usual
HUNDREDTH = Decimal("0.01")
LONGEST_PAUSE = 2  # between two messages of a send with a limit: so many times what the limit makes


@dataclass(frozen=True)
class Limits:
    """What holds for one unit. None: such an alert is not wanted."""

    bounces: Decimal | None = Decimal(5)
    complaints: Decimal | None = Decimal("0.3")
    opt_outs: Decimal | None = Decimal(2)
    times_typical: Decimal | None = Decimal(3)
    least: int = 200
    holds: bool = False
    late: int = 15
    not_moving: int = 15
    waiting: int = 60


@dataclass(frozen=True)
class Found:
    """A condition that holds. Of a rate: so many of so many, per cent, the limit, and what is usual there."""

    condition: Condition
    part: int | None = None
    base: int | None = None
    percent: Decimal | None = None
    limit: Decimal | None = None
    typical: Decimal | None = None
    holds: bool = False  # the send is to be held


def of(
    one: Standing, limits: Limits, usual: Baseline | None, *, at: datetime, open_now: frozenset[str]
) -> list[Found]:
    """Return what holds at `at`; of a rate whose alert is open it holds until it is well below its limit."""
    if one.ended_at is not None and one.ended_at < at - OLDEST:
        return []
    by_status = {
        Status.FAILED: Condition.FAILED,
        Status.PREPARATION_FAILED: Condition.PREPARATION_FAILED,
        Status.STOPPED: Condition.STOPPED,
    }
    found = [Found(by_status[Status(one.status)])] if one.status in by_status else []
    found += [Found(condition) for condition in _of_time(one, limits, at)]
    if one.status in groups.BEGUN:
        found += _rates(one, limits, usual, open_now)
    return found


def _of_time(one: Standing, limits: Limits, at: datetime) -> Iterator[Condition]:
    if one.status == Status.READY and (
        one.changed_at <= at - timedelta(minutes=limits.waiting) or _is_soon(one, limits, at)
    ):
        yield Condition.WAITING
    if one.is_halted:  # people stopped it, and every page says so
        return
    if one.status == Status.SCHEDULED and one.due_at and one.due_at < at - timedelta(minutes=limits.late):
        yield Condition.LATE
    if one.status == Status.SENDING and one.wave_held_at is not None:
        yield Condition.WAVE_HELD
    if one.status == Status.SENDING and one.is_ready and _stands_still(one, limits, at):
        yield Condition.NOT_MOVING


def _is_soon(one: Standing, limits: Limits, at: datetime) -> bool:
    """Whether its date is so near that whoever may confirm it should know."""
    return one.contact_date is not None and one.contact_date <= at + timedelta(minutes=limits.waiting)


def _stands_still(one: Standing, limits: Limits, at: datetime) -> bool:
    if one.has_moved or one.moved_at is None:
        return False
    return max(one.moved_at, one.changed_at) < at - _patience(
        one, limits
    )  # it may have been paused until then


def _patience(one: Standing, limits: Limits) -> timedelta:
    """How long nothing may leave: a send with a small limit has rightly long pauses."""
    own = timedelta(hours=LONGEST_PAUSE) / one.per_hour if one.per_hour else timedelta()
    return max(timedelta(minutes=limits.not_moving), own)


def _rates(
    one: Standing, limits: Limits, usual: Baseline | None, open_now: frozenset[str]
) -> Iterator[Found]:
    mine = (
        (Condition.BOUNCES, one.refused, one.answered, limits.bounces),
        (Condition.COMPLAINTS, one.complaints, one.delivered, limits.complaints),
        (Condition.OPT_OUTS, one.opt_outs, one.delivered, limits.opt_outs),
    )
    for condition, part, base, limit in mine:
        if base < limits.least:
            continue
        calm = CALMED if condition in open_now else Decimal(1)
        typical = _typical(condition, usual, limits)
        is_above = limit is not None and _exceeds(part, base, limit * calm)
        is_unusual = (
            typical is not None
            and limits.times_typical is not None
            and part >= FEWEST
            and _exceeds(part, base, typical * limits.times_typical * calm)
        )
        if is_above or is_unusual:
            is_past = limit is not None and _exceeds(part, base, limit)
            yield Found(
                condition, part, base, percent(part, base), limit if is_above else None, typical,
                holds=limits.holds and is_past and one.status == Status.SENDING,
            )  # fmt: skip


def _typical(condition: Condition, usual: Baseline | None, limits: Limits) -> Decimal | None:
    """What like deliveries have, per cent; None where too few are known. At least what one message would make."""
    if usual is None or usual.deliveries < FEWEST_LIKE:
        return None
    part, base = {
        Condition.BOUNCES: (usual.refused, usual.answered),
        Condition.COMPLAINTS: (usual.complaints, usual.delivered),
        Condition.OPT_OUTS: (usual.opt_outs, usual.delivered),
    }[condition]
    return percent(max(part, 1), base) if base >= limits.least else None


def _exceeds(part: int, base: int, limit: Decimal) -> bool:
    return 100 * part > limit * base


def percent(part: int, base: int) -> Decimal:
    """Per cent with two decimals; 0 where there is nothing to divide by. Nothing that there is reads as 0."""
    if base <= 0 or part <= 0:
        return Decimal(0)
    return max((Decimal(100 * part) / base).quantize(HUNDREDTH, ROUND_HALF_EVEN), HUNDREDTH)
