"""How a delivery stands: one answer, which pages, desk and commands print.

`annotate` computes it for a whole page in a flat number of queries. What is asked of one delivery alone, its speed
and its plan, is looked up when it is first read.
"""

from collections.abc import Sequence
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
from deliveries.sending import rate
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
    settled: int
    left: int
    held_by: Diagnosis | None  # what keeps it from leaving though nobody paused it
    facts: Facts = field(repr=False)

    @property
    def halt(self) -> Halt | None:
        """The stop of all sending that holds it: of several the one nearest to its unit."""
        return self.facts.halts[-1] if self.facts.halts else None

    @property
    def is_at_work(self) -> bool:
        """Whether something is being done about it this very moment."""
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
        """When the next of it may leave, where that is known."""
        if self.plan is not None and self.plan.is_fixed:
            return self.plan.next.at if self.plan.next is not None else None
        return self.facts.leaves_at

    @property
    def speed(self) -> int | None:
        """Messages an hour, of late."""
        return self.pace.achieved if self.pace is not None else None

    @property
    def time_left(self) -> timedelta | None:
        """Until all have left, where anybody can know."""
        return self.pace.left if self.pace is not None else None


def annotate(deliveries: Sequence[Delivery], *, at: datetime | None = None) -> None:
    """Each delivery has its `state` as of `at`, or else of now; the same few queries for any number of them."""
    for facts in gathering.gather(deliveries, at=at):
        facts.delivery.state = _state(facts)  # type: ignore[attr-defined]  # a page's own attribute, read by templates


def of(delivery: Delivery) -> State:
    """The state it was annotated with; worked out now where it has none, or another status since."""
    found: State | None = getattr(delivery, "state", None)
    if found is None or found.status != delivery.status:
        annotate([delivery])
        found = delivery.state  # type: ignore[attr-defined]  # the same
    assert found is not None
    return found


def as_dict(delivery: Delivery) -> dict[str, Any]:
    """Its state for programs, beside its status; and whether a stop of all sending holds it, whose and why."""
    state = of(delivery)
    halt = state.halt
    return {
        "state": state.code,
        "held": halt is not None,
        "held_by": halt and halt.by.username,
        "held_because": halt and halt.reason,
    }


def words(delivery: Delivery) -> str:
    """The status as people read it, of this moment: Starting, Held, Retrying 12, Finished, 3 unknown."""
    annotate([delivery])
    return str(of(delivery).words)


def tone_of(status: str) -> str:
    """The colour of a bare status, as the status history shows it."""
    return TONES[Status(status)]


def _state(facts: Facts) -> State:
    phase, progress = phase_of(facts), facts.progress
    return State(
        status=facts.delivery.status,
        code=phase.code,
        words=phase.words,
        sentence=phase.sentence,
        tone=phase.tone,
        settled=progress.done if progress is not None else 0,
        left=progress.fresh + progress.retrying if progress is not None else 0,
        held_by=phase.held_by,
        facts=facts,
    )
