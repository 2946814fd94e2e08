"""A lane hands over, loses the answer to a commit, is fenced or stopped: no row is repeated, lost or left in doubt for it."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from campaign.lib import clock
from deliveries import jobs
from deliveries.ledger import books, recovery
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Route, Status, Try
from deliveries.sending import gate, lane_job, window
from deliveries.sending.exchange import Ledger
from deliveries.sending.lanes import Lane
from deliveries.sending.rows import Entry, Hold
from deliveries.sending.tests.later_tries import leave_to_later_tries
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, expire_leases, statuses
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane, with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def lose_answers(monkeypatch: pytest.MonkeyPatch, name: str, *calls: int, after: bool = True) -> None:
    """Of the calls of a verb of the ledger the numbered ones lose their answer, as when PostgreSQL restarts."""
    real, count = getattr(Ledger, name), 0

    async def losing(self: Ledger, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count in calls and not after:
            raise psycopg.OperationalError("the connection is lost")
        hand = kwargs.get("hand")
        mark = hand.handed_upto if hand else 0
        answer = await real(self, *args, **kwargs)
        if count in calls:
            if hand:
                hand.handed_upto = mark  # the lane never heard of the commit
            raise psycopg.OperationalError("the connection is lost")
        return answer

    monkeypatch.setattr(Ledger, name, losing)


def test_a_lane_that_lives_keeps_its_later_tries():
    delivery = DeliveryFactory(sending=True, recipients=1)
    leave_to_later_tries(delivery, 1)

    async def work(ledger):
        taken = await ledger.exchange([], [], later_tries=5)
        await move_clock(timedelta(seconds=20))
        await ledger.exchange([], [], tries_in_hand=taken.rows)
        return taken.rows

    async def move_clock(offset):
        await asyncio.to_thread(in_thread, offset)

    def in_thread(offset):
        clock.set_offset(offset)
        connection.close()

    try:
        assert len(with_ledger(delivery, work)) == 1
        clock.set_offset(timedelta(seconds=40))
        assert recovery.reclaim(delivery.pk) == 0
    finally:
        clock.set_offset(timedelta())
    assert statuses(delivery) == ["RETRYING"]


def test_later_tries_of_a_commit_whose_answer_was_lost_are_carried_out(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)
    lose_answers(monkeypatch, "exchange", 1)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert not Try.objects.filter(delivery=delivery).exists()


def test_a_window_of_a_commit_whose_answer_was_lost_survives_a_second_loss(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    lose_answers(monkeypatch, "exchange", 1)
    lose_answers(monkeypatch, "read_window", 2, after=False)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert books.imbalance(delivery) == {}


def tracked(delivery: Delivery) -> list[int]:
    return list(Message.objects.filter(delivery=delivery).order_by("seq").values_list("tracked", flat=True))


def test_a_window_of_a_commit_whose_answer_was_lost_is_measured_as_its_people_want(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    lose_answers(monkeypatch, "exchange", 1)

    run_lane(delivery, ScriptedPool())

    assert tracked(delivery) == [3, 3, 3]
    assert books.count(delivery).tallies["opens_untracked"] == 0


def test_later_tries_of_a_commit_whose_answer_was_lost_are_measured_as_their_people_want(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)
    lose_answers(monkeypatch, "exchange", 1)

    run_lane(delivery, ScriptedPool())

    assert tracked(delivery) == [3, 3, 3]


def test_a_window_of_a_lost_commit_is_no_doubt_even_when_the_lease_ran_out_meanwhile(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    lose_answers(monkeypatch, "exchange", 1)
    real, calls = Ledger.marks, []

    async def marks_after_a_takeover(self, holds):
        calls.append(holds)
        if len(calls) == 1:
            await asyncio.to_thread(take_over)
        return await real(self, holds)

    def take_over():
        expire_leases(delivery)
        assert recovery.reclaim(delivery.pk) == 3
        connection.close()

    monkeypatch.setattr(Ledger, "marks", marks_after_a_takeover)

    run_lane(delivery, ScriptedPool())  # it lost a chunk, so it hands over nothing more
    assert statuses(delivery) == ["RETRYING"] * 3
    assert not Doubt.objects.filter(delivery=delivery).exists()
    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert books.imbalance(delivery) == {}


def test_a_chunk_whose_release_was_lost_keeps_no_delivery_open_when_its_lane_dies(monkeypatch, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    real, calls = Ledger.release, []

    async def lose_the_answer_and_then_die(self, holds):
        calls.append(holds)
        if len(calls) == 2:
            raise KeyError("this process is killed")
        await real(self, holds)
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(Ledger, "release", lose_the_answer_and_then_die)

    with pytest.raises(KeyError):
        run_lane(delivery, ScriptedPool())
    expire_leases(delivery)
    look.tick()

    assert not Chunk.objects.filter(delivery=delivery).exclude(lease_until=None).exists()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED


def test_a_lane_that_ends_while_postgresql_is_away_lets_its_lease_run_out(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=2)
    lose_answers(monkeypatch, "release", 1, after=False)

    def end_with_a_chunk(lane):
        lane.holds[1] = Hold(number=1, seq_to=2, handed_upto=0, token=0)
        lane.hand_over_no_more()

    assert run_lane(delivery, ScriptedPool(), before=end_with_a_chunk).holds == {}


def test_a_fenced_lane_keeps_its_results_while_the_database_is_away(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=2)
    lose_answers(monkeypatch, "exchange", 3, after=False)

    async def be_taken_over(pool):
        if pool.rounds == 2:
            await asyncio.to_thread(take_over)
            return pool.take(2)
        return []

    def take_over():
        expire_leases(delivery)
        recovery.reclaim(delivery.pk)
        connection.close()

    run_lane(delivery, ScriptedPool(be_taken_over))

    assert statuses(delivery) == ["SENT", "SENT"]
    assert not Doubt.objects.filter(delivery=delivery).exists()
    assert books.imbalance(delivery) == {}


def test_results_of_an_old_lease_do_not_count_for_the_new_one():
    delivery = DeliveryFactory(sending=True, recipients=4)
    plan = gate.lane_config(delivery.pk)

    def take_over():
        expire_leases(delivery)
        recovery.reclaim(delivery.pk)
        connection.close()

    async def work(ledger):
        lane = Lane(plan, ledger, ScriptedPool())
        first = await ledger.claim()
        old = (await ledger.exchange([first], [], hand=first, window=2)).rows
        await asyncio.to_thread(take_over)
        second = await ledger.claim()
        lane.holds[second.number] = second
        await lane._take((await ledger.exchange([second], [], hand=second, window=2)).rows)
        lane.unsaved = [Entry(row, MessageStatus.SENT) for row in old]
        await lane._exchange()
        return list(lane.holds)

    assert with_ledger(delivery, work) == [1]
    assert statuses(delivery) == ["SENT", "SENT", "PREPARED", "PREPARED"]
    assert Chunk.objects.get(delivery=delivery).lease_until is not None


def test_no_more_than_two_windows_of_a_lane_are_ever_open(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=40)
    leave_to_later_tries(delivery, 10)
    monkeypatch.setattr(window.WindowSize, "note", lambda self, results: None)

    async def one_then_nothing_for_a_while(pool):
        return pool.take({2: 1}.get(pool.rounds, 0) if pool.rounds < 6 else len(pool.waiting))

    def small(lane):
        lane.budget.window.size = 10

    pool = ScriptedPool(one_then_nothing_for_a_while)
    run_lane(delivery, pool, before=small)

    assert pool.most <= 20
    assert statuses(delivery) == ["SENT"] * 40


def test_a_relay_that_answers_little_by_little_is_not_handed_one_window_after_the_other(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=60)
    monkeypatch.setattr(window.WindowSize, "note", lambda self, results: None)

    async def one_at_a_time(pool):
        return pool.take(1)

    def small(lane):
        lane.budget.window.size = 10

    pool = ScriptedPool(one_at_a_time)
    run_lane(delivery, pool, before=small)

    assert pool.most <= 20
    assert statuses(delivery) == ["SENT"] * 60


def test_a_lane_takes_no_more_later_tries_than_asked_whatever_the_plan():
    delivery = DeliveryFactory(sending=True, recipients=12)
    leave_to_later_tries(delivery, 12)

    async def work(ledger):
        for node in ("hashagg", "hashjoin", "mergejoin", "material", "sort"):
            await ledger.connection.execute(f"SET enable_{node} = off")
        return (await ledger.exchange([], [], later_tries=3)).rows

    assert len(with_ledger(delivery, work)) == 3


def test_retries_are_judged_by_the_databases_clock(relay):
    with clock.shifted(timedelta(days=-10)):
        delivery = DeliveryFactory(scheduled=True, recipients=1)
        relay.refuse(Message.objects.get(delivery=delivery).address, "451 4.2.0 Later")

        send(delivery)

    assert statuses(delivery) == ["RETRYING"]


def test_a_lane_told_to_stop_before_it_connected_does_not_close_the_route(relay, monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=1)
    monkeypatch.setattr(lane_job, "_on_sigterm", lambda loop, lane: lane.hand_over_no_more())

    jobs.drain(delivery_id=delivery.pk)

    assert not Route.objects.exclude(closed_until=None).exists()
    assert statuses(delivery) == ["PREPARED"]


def test_a_chunk_that_was_let_go_without_all_results_comes_to_its_end():
    delivery = DeliveryFactory(sending=True, recipients=2)
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to, token = 1 WHERE delivery_id = %s", delivery.pk)
    execute("UPDATE deliveries_message SET status = 1 WHERE delivery_id = %s AND seq = 1", delivery.pk)

    assert with_ledger(delivery, lambda ledger: ledger.claim()) is None
    look.tick()

    assert statuses(delivery) == ["SENT", "IN_DOUBT"]
    assert Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED
