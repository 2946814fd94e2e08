"""Lanes that hand over, are answered, lose commits, are fenced or die, while people decide and evidence comes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import psycopg
from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaign.lib import clock
from deliveries.channels.base import Outcome, Result
from deliveries.ledger import books, ending, recovery, resolutions
from deliveries.ledger.tests.lane_relay import (
    ANSWERS,
    OPTED_OUT,
    RECIPIENTS,
    SURELY_NOT_SENT,
    WINDOW,
    Died,
    FixedWindow,
    RelayOfLane,
    UnpausedPatience,
)
from deliveries.ledger.tests.standing_rows import COUNTS_OF_CHUNKS_THAT_ARE_OFF, reset, standing_by_rows
from deliveries.models import Delivery, Message, MessageStatus, Status
from deliveries.operations import doubts, instances, reconciliation
from deliveries.operations.doubts import Decision
from deliveries.sending import control, gate
from deliveries.sending.control import receipts
from deliveries.sending.exchange import Ledger
from deliveries.sending.lane_config import LaneConfig
from deliveries.sending.lanes import Lane
from deliveries.tests.ledger_rows import execute
from deliveries.tick import look


def expire_leases(delivery_id: int) -> None:
    """Every lease that a lane holds in the delivery has just run out."""
    for table in ("chunk", "try"):
        execute(
            f"UPDATE deliveries_{table} SET lease_until = sinete_clock() - interval '1 second'"
            " WHERE delivery_id = %s AND lease_until IS NOT NULL",
            delivery_id,
        )


class LedgerMachine(RuleBasedStateMachine):
    """`said` is the last word on each row's latest hand-over: None while its lane still waits for the answer."""

    delivery: ClassVar[Delivery]
    starter: ClassVar[Any]
    boss: ClassVar[Any]

    @initialize()
    def begin(self) -> None:
        reset(self.delivery)
        self.runner = asyncio.Runner()
        self.runner.get_loop()
        self.lanes: list[Lane] = []
        self.said: dict[int, str | None] = {}
        self.taken: set[int] = set()
        self.decided: set[int] = set()  # by a person
        self.again: set[int] = set()  # sent again by a person, whatever became of it
        self.proven: set[int] = set()  # by evidence
        for _lane in range(2):
            self.a_lane_starts()
            self.a_lane_exchanges(-1)

    def note_hand_over(self, seq: int) -> None:
        assert seq not in self.said or self.said[seq] in SURELY_NOT_SENT or seq in self.again, (
            f"{seq} was handed over again after {self.said[seq]!r}"
        )
        assert seq not in self.proven
        assert seq != OPTED_OUT
        self.said[seq] = None

    # -- lanes ----------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.lanes) < 2)
    @rule()
    def a_lane_starts(self) -> None:
        plan = gate.lane_config(self.delivery.pk)
        if plan is not None:
            self.lanes.append(self.run(self._lane(plan)))

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1))
    def a_lane_exchanges(self, lane: int) -> None:
        self.run(self.lanes[lane % len(self.lanes)]._exchange_surviving())

    @precondition(lambda self: self.lanes)
    @rule(
        lane=st.integers(0, 1),
        number=st.integers(1, WINDOW),
        how=st.sampled_from([*ANSWERS, "retry"]),
        then_exchanges=st.booleans(),
    )
    def the_relay_answers(self, lane: int, number: int, how: str, then_exchanges: bool) -> None:
        one = self.lanes[lane % len(self.lanes)]
        answered, one.pool.waiting = one.pool.waiting[:number], one.pool.waiting[number:]
        took, outcome = ANSWERS[how]
        for seq in answered:
            self.said[seq] = how
            if took:
                assert seq not in self.taken or seq in self.again
                self.taken.add(seq)
        one._collect([outcome._replace(seq=seq) for seq in answered])
        if then_exchanges:
            self.run(one._exchange_surviving())

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1), when=st.sampled_from(["before", "after", "taken over"]))
    def a_commit_is_lost(self, lane: int, when: str) -> None:
        """PostgreSQL goes away before or after the commit; the lane may be slow to come back."""
        one = self.lanes[lane % len(self.lanes)]
        one.ledger.exchange = self._losing(one.ledger.exchange, when)
        self.run(one._exchange_surviving())

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1), after=st.booleans())
    def a_release_is_lost(self, lane: int, after: bool) -> None:
        one = self.lanes[lane % len(self.lanes)]
        one.ledger.release = self._losing(one.ledger.release, "after" if after else "before")
        self.run(one._exchange_surviving())

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1), took=st.integers(0, 2 * WINDOW))
    def a_lane_dies(self, lane: int, took: int) -> None:
        """Of what it had on the wire the relay took some, and nobody read the answer."""
        one = self.lanes.pop(lane % len(self.lanes))
        self.taken |= set(one.pool.waiting[:took])
        self.run(one.ledger.close())

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1), at=st.sampled_from(["exchange", "release"]), after=st.booleans())
    def a_lane_dies_at_a_commit(self, lane: int, at: str, after: bool) -> None:
        """Just before or after it: what that commit handed over never reached the wire."""
        one = self.lanes.pop(lane % len(self.lanes))
        setattr(one.ledger, at, self._losing(getattr(one.ledger, at), "after" if after else "before", Died))
        with suppress(Died):
            self.run(one._exchange_surviving())
        self.run(one.ledger.close())

    @precondition(lambda self: self.lanes)
    @rule(lane=st.integers(0, 1))
    def a_lane_is_told_to_stop(self, lane: int) -> None:
        one = self.lanes[lane % len(self.lanes)]
        one.hand_over_no_more()
        untouched, one.pool.waiting = one.pool.waiting, []
        self.said |= dict.fromkeys(untouched, "not attempted")
        one._collect([Outcome(seq, Result.NOT_ATTEMPTED) for seq in untouched])

    @precondition(lambda self: any(lane._is_over() for lane in self.lanes))
    @rule()
    def a_lane_ends(self) -> None:
        one = next(lane for lane in self.lanes if lane._is_over())
        self.lanes.remove(one)
        self.run(one._let_go())
        self.run(one.ledger.close())

    # -- time, the tick and people --------------------------------------------------------------------

    @rule()
    def leases_run_out(self) -> None:
        expire_leases(self.delivery.pk)

    @rule()
    def a_tick(self) -> None:
        look.tick()
        if self.status() == Status.FINISHED:
            assert not self.rows_in(MessageStatus.PREPARED, MessageStatus.RETRYING)

    @rule()
    def the_validity_period_ends(self) -> None:
        """For as long as it takes to notice: what is free and was never handed over has failed, unsent."""
        started = "UPDATE deliveries_delivery SET started_at = started_at + make_interval(hours => %s * validity_hours) WHERE id = %s"
        execute(started, -1, self.delivery.pk)
        ending.expire_overdue(self.delivery.pk)
        execute(started, 1, self.delivery.pk)

    @rule()
    def somebody_adopts_a_copy(self) -> None:
        if self.status() in {Status.SENDING, Status.PAUSED}:
            instances.adopt(by=self.boss, at=clock.now(), again=True)
            assert self.status() == Status.PAUSED
            assert not self.rows_in(MessageStatus.PREPARED, MessageStatus.RETRYING)

    @rule(stops=st.booleans())
    def somebody_steps_in(self, stops: bool) -> None:
        """Stops it for good, or pauses and resumes it."""
        status = self.status()
        if status not in {Status.SENDING, Status.PAUSED}:
            return
        if stops:
            receipt = control.stop(delivery=self.delivery, by=self.starter, at=clock.now())
            assert receipt.left + receipt.cancelled == RECIPIENTS
            assert receipt.left >= len(self.taken)
        else:
            change = control.pause if status == Status.SENDING else control.resume
            change(delivery=self.delivery, by=self.starter, at=clock.now())

    @rule(seq=st.integers(1, RECIPIENTS))
    def somebody_counts_it_as_sent(self, seq: int) -> None:
        if seq not in self.rows_in(MessageStatus.IN_DOUBT):
            return
        receipt = doubts.decide(
            delivery=self.delivery, decision=Decision.COUNT_AS_SENT, by=self.starter, at=clock.now(),
            reason="Known by telephone", seqs=[seq],
        )  # fmt: skip
        assert receipt.done == 1
        self.decided.add(seq)

    @rule(seq=st.integers(1, RECIPIENTS))
    def somebody_sends_again(self, seq: int) -> None:
        """Long after the doubt arose, as it must be."""
        if self.status() == Status.STOPPED or seq not in self.rows_in(MessageStatus.IN_DOUBT):
            return
        execute(
            "UPDATE deliveries_doubt SET since = since - interval '1 hour' WHERE delivery_id = %s AND seq = %s",
            self.delivery.pk, seq,
        )  # fmt: skip
        receipt = doubts.decide(
            delivery=self.delivery, decision=Decision.SEND_AGAIN, by=self.starter, at=clock.now(),
            reason="Lost", seqs=[seq],
        )  # fmt: skip
        if receipt.done:
            self.again.add(seq)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def evidence_comes(self, data: Any) -> None:
        """Of a message that arrived: nobody else has one that we signed."""
        seq = data.draw(st.sampled_from(sorted(self.taken)))
        is_open = seq in self.rows_in(MessageStatus.IN_DOUBT) or (
            seq in self.again and seq not in self.rows_in(MessageStatus.SENT)
        )
        assert resolutions.arrived(delivery_id=self.delivery.pk, seq=seq, note="opened") == is_open
        if is_open:
            assert seq in self.rows_in(MessageStatus.SENT)
            self.proven.add(seq)

    # -- what must hold -------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        assert books.imbalance(Delivery.objects.get(pk=self.delivery.pk)) == {}

    @invariant()
    def each_chunk_counts_its_rows(self) -> None:
        assert execute(COUNTS_OF_CHUNKS_THAT_ARE_OFF, self.delivery.pk) == []

    @invariant()
    def rare_states_stand_beside_the_ledger(self) -> None:
        for status, table in ((MessageStatus.RETRYING, "try"), (MessageStatus.IN_DOUBT, "doubt")):
            beside = execute(f"SELECT seq FROM deliveries_{table} WHERE delivery_id = %s", self.delivery.pk)
            assert {seq for (seq,) in beside} == self.rows_in(status)

    @invariant()
    def a_receipt_says_what_the_rows_say(self) -> None:
        assert receipts.standing(self.delivery.pk) == standing_by_rows(self.delivery.pk)

    @invariant()
    def nothing_above_a_mark_claims_to_have_been_handed_over(self) -> None:
        assert list(reconciliation._marks(self.delivery.pk)) == []

    @invariant()
    def the_ledger_says_nothing_that_is_not_so(self) -> None:
        rows = dict(Message.objects.filter(delivery=self.delivery).values_list("seq", "status"))
        for seq, status in rows.items():
            if seq in self.decided:
                continue
            if status == MessageStatus.SENT:
                assert seq in self.taken
            elif seq in self.again:
                assert status != MessageStatus.CANCELLED
            elif status in {MessageStatus.FAILED, MessageStatus.CANCELLED, MessageStatus.IGNORED}:
                assert seq not in self.taken

    def teardown(self) -> None:
        """Whatever happened, it comes to its end, and nobody is forgotten."""
        for lane in self.lanes:
            self.taken |= set(lane.pool.waiting)
            self.run(lane.ledger.close())
        self.lanes.clear()
        expire_leases(self.delivery.pk)
        look.tick()
        if self.status() == Status.PAUSED:
            self.somebody_steps_in(stops=False)
        for _ in range(30):
            if self.status() not in {Status.SENDING, Status.FINISHED} or (
                self.status() == Status.FINISHED and not self.rows_in(MessageStatus.RETRYING)
            ):
                break
            self.a_lane_starts()
            for lane in self.lanes:
                self._carry_on(lane)
            self.lanes.clear()
            look.tick()
        look.tick()
        self.runner.close()
        assert self.status() in {Status.FINISHED, Status.STOPPED}
        assert not self.rows_in(MessageStatus.PREPARED, MessageStatus.RETRYING)
        assert not any(books.open_ends(self.delivery).values())
        self.the_books_balance()
        self.the_ledger_says_nothing_that_is_not_so()

    # -- how ------------------------------------------------------------------------------------------

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def status(self) -> str:
        return Delivery.objects.values_list("status", flat=True).get(pk=self.delivery.pk)

    def rows_in(self, *statuses: MessageStatus) -> set[int]:
        rows = Message.objects.filter(delivery=self.delivery, status__in=statuses)
        return set(rows.values_list("seq", flat=True))

    async def _lane(self, plan: LaneConfig) -> Lane:
        name = f"lane {len(self.said)} {id(object())} {asyncio.get_running_loop().time()}"
        ledger = await Ledger.connect(delivery_id=self.delivery.pk, lane=name)
        lane = Lane(plan, ledger, RelayOfLane(self.note_hand_over))
        lane.budget.window, lane.patience = FixedWindow(), UnpausedPatience()
        return lane

    def _losing(
        self, real: Callable[..., Any], when: str, error: type[Exception] = psycopg.OperationalError
    ) -> Callable[..., Any]:
        async def lose(*args: Any, **kwargs: Any) -> Any:
            hand = kwargs.get("hand")
            mark = hand.handed_upto if hand else 0
            if when != "before":
                await real(*args, **kwargs)
                if hand:
                    hand.handed_upto = mark  # the lane never heard of the commit
            if when == "taken over":
                await asyncio.to_thread(self._take_over)
            raise error("the connection is lost")

        return lose

    def _take_over(self) -> None:
        expire_leases(self.delivery.pk)
        recovery.reclaim(self.delivery.pk)
        connection.close()

    def _carry_on(self, lane: Lane) -> None:
        for _ in range(RECIPIENTS):
            self.run(lane._exchange_surviving())
            if lane._is_over():
                break
            waiting, lane.pool.waiting = lane.pool.waiting, []
            self.said |= dict.fromkeys(waiting, "sent")
            self.taken |= set(waiting)
            lane._collect([Outcome(seq, Result.SENT, 250) for seq in waiting])
        self.run(lane._let_go())
        self.run(lane.ledger.close())
