"""How a delivery stands: one answer, which pages, desk and commands print.

`annotate` computes it for a whole page in a flat number of queries. Speed and plan, which only a page of one
delivery needs, are looked up when they are first read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.functional import Promise

from deliveries.lifecycle import groups
from deliveries.models import Delivery, Halt, Status
from deliveries.overview import facts as gathering
from deliveries.overview.diagnosis import Diagnosis
from deliveries.overview.facts import Facts
from deliveries.overview.phases import TONES, phase_of
from deliveries.schedule import plan_report
from deliveries.schedule.plan_report import Plan
from deliveries.sending import fence, rate
from deliveries.sending.fence import Fence
from deliveries.sending.rate import Rate

AT_WORK = frozenset({"preparing", "sending", "retrying", "queueing"})  # the codes whose pill moves


@dataclass(frozen=True, eq=False)
class State:
    """How a delivery stood at `facts.at`.

    `code` is a word for programs, `words` the status as people read it, `tone` one of grey, blue, yellow, red and
    green. `settled` messages have an outcome and `left` may still leave, both 0 until it has begun.
    """

    status: str
    code: str
    words: str | Promise
    sentence: str | Promise
    tone: str
    icon: str
    settled: int
    left: int
    held_by: Diagnosis | None  # what keeps it from leaving though nobody paused it
    facts: Facts = field(repr=False)

    @property
    def halt(self) -> Halt | None:
        """The stop of all sending that holds it: of several the one nearest to its unit."""
        return self.facts.halts[-1] if self.facts.halts else None

    @property
    def held_because(self) -> str | None:
        """In short why all that was released is held: the reason of the halt, or what the fence found."""
        if self.halt is not None:
            return self.halt.reason
        return str(self.facts.fence) if self.facts.fence is not None else None

    @property
    def is_at_work(self) -> bool:
        """Whether it is being prepared or sent at this moment."""
        return self.code in AT_WORK

    @property
    def is_draft(self) -> bool:
        return self.status == Status.DRAFT

    @property
    def is_being_prepared(self) -> bool:
        return self.status == Status.PREPARING

    @property
    def could_not_be_prepared(self) -> bool:
        return self.status == Status.PREPARATION_FAILED

    @property
    def is_ready(self) -> bool:
        """Whether nothing but a confirmation is missing."""
        return self.status == Status.READY

    @property
    def is_undecided(self) -> bool:
        """Whether what was prepared waits for the decisions of people."""
        return self.status in groups.UNDECIDED

    @property
    def is_released(self) -> bool:
        """Whether it is confirmed and not over."""
        return self.status in groups.RELEASED

    @property
    def is_sending(self) -> bool:
        return self.status == Status.SENDING

    @property
    def has_begun(self) -> bool:
        """Whether its first message may have left; a recurring delivery sends none itself."""
        return self.status in groups.BEGUN and not self.facts.delivery.is_recurring

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun, and the rest may still leave."""
        return self.status in groups.UNDER_WAY

    @property
    def changes_by_itself(self) -> bool:
        return self.status in groups.MOVING

    @property
    def awaits_people(self) -> bool:
        return self.status in groups.AWAITING_PEOPLE

    # -- of one delivery: each costs queries once it is read ------------------------------------------------

    @cached_property
    def plan(self) -> Plan | None:
        """Its sending plan; None where all leave at the same time."""
        return plan_report.plan(self.facts.delivery, at=self.facts.at)

    @cached_property
    def pace(self) -> Rate | None:
        """How fast it leaves, and what limits it; None unless it is being sent."""
        return rate.of(self.facts.delivery, at=self.facts.at)

    @property
    def next_moment(self) -> datetime | None:
        """When the next of its messages may leave; None where nobody knows."""
        if self.plan is not None and self.plan.is_fixed:
            return self.plan.next.at if self.plan.next is not None else None
        return self.facts.leaves_at

    @property
    def speed(self) -> int | None:
        """Messages an hour, of the last minutes; None unless it is being sent."""
        return self.pace.achieved if self.pace is not None else None

    @property
    def time_left(self) -> timedelta | None:
        """How long until all have left; None where nobody can know."""
        return self.pace.left if self.pace is not None else None


def annotate(
    deliveries: Sequence[Delivery], *, at: datetime | None = None,
    problem: Callable[[], Fence | None] = fence.problem,
) -> None:  # fmt: skip
    """Set `state` of each delivery as of `at`, or else of now, in the same few queries for any number of them.

    `problem` is asked what the fence says, for a page that asks that, too.
    """
    for facts in gathering.gather(deliveries, at=at, problem=problem):
        facts.delivery.state = _state(facts)  # type: ignore[attr-defined]  # a page's own attribute, read by templates


def of(delivery: Delivery) -> State:
    """Return the state that `annotate` set; where it set none, or the status has changed since, compute it now."""
    found: State | None = getattr(delivery, "state", None)
    if found is None or found.status != delivery.status:
        annotate([delivery])
        found = delivery.state  # type: ignore[attr-defined]  # the same
    assert found is not None
    return found


def as_dict(delivery: Delivery) -> dict[str, Any]:
    """Its state for programs, beside its status; and whether a stop of all sending or the fence holds it, and why.

    `held_by` is who stopped all sending, None where the fence alone holds it.
    """
    state = of(delivery)
    return {
        "state": state.code,
        "held": state.held_because is not None,
        "held_by": state.halt and state.halt.by.username,
        "held_because": state.held_because,
    }


def words(delivery: Delivery) -> str:
    """Return the state in words, computed now: Starting, Held, Retrying 12, Finished, 3 unknown."""
    annotate([delivery])
    return str(of(delivery).words)


def tone_of(status: str) -> str:
    """Return the colour of a bare status, as the status history shows it."""
    return TONES[Status(status)]


def _state(facts: Facts) -> State:
    phase, progress = phase_of(facts), facts.progress
    return State(
        status=facts.delivery.status,
        code=phase.code,
        words=phase.words,
        sentence=phase.sentence,
        tone=phase.tone,
        icon=phase.icon,
        settled=progress.done if progress is not None else 0,
        left=progress.fresh + progress.retrying if progress is not None else 0,
        held_by=phase.held_by,
        facts=facts,
    )
