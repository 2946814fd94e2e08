"""Lanes that slept, died or were taken for dead: what they held goes on once, and they begin nothing more."""

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async

from campaign.lib import clock
from deliveries import jobs
from deliveries.channels.base import Outcome, Result
from deliveries.ledger import books, recovery
from deliveries.models import Chunk, Message, Status
from deliveries.sending.exchange import Ledger
from deliveries.sending.tests.later_tries import leave_to_later_tries
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, expire_leases, statuses
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane, with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


# -- asleep ---------------------------------------------------------------------------------------------


def test_a_lane_that_was_frozen_begins_nothing_more_and_the_rest_leaves_once(relay, monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=20)
    real = clock.elapsed

    with monkeypatch.context() as asleep:
        asleep.setattr(clock, "elapsed", lambda: real() + (3_600 if len(relay.recipients()) >= 3 else 0))
        jobs.drain(delivery_id=delivery.pk)

    left = len(relay.recipients())
    assert 0 < left < 20
    assert sorted(statuses(delivery)) == ["RETRYING"] * (20 - left) + ["SENT"] * left

    send(delivery)

    assert sorted(relay.recipients()) == sorted(
        Message.objects.filter(delivery=delivery).values_list("address", flat=True)
    )
    assert delivery.status == Status.FINISHED


def test_a_lane_asks_before_each_exchange_whether_it_has_lapsed():
    """Its connections had gone meanwhile; new ones would find that an exchange had just renewed what it has left."""
    delivery = DeliveryFactory(sending=True, recipients=5)

    class LapsesSoon(ScriptedPool):
        on_lapse: Callable[[], None]
        asked = 0

        def may_begin(self) -> bool:
            self.asked += 1
            if self.asked == 2:
                self.on_lapse()
            return self.asked < 2

    lane = run_lane(delivery, LapsesSoon(give_back_all_but_one))

    assert lane.draining
    assert sorted(statuses(delivery)) == ["RETRYING"] * 4 + ["SENT"]


async def give_back_all_but_one(pool: ScriptedPool) -> list[Outcome]:
    return pool.take(1) + pool.take(len(pool.waiting), Result.NOT_ATTEMPTED)


def test_a_lane_with_later_tries_alone_ends_when_they_are_somebody_elses():
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)

    async def taken_meanwhile(ledger: Ledger) -> tuple[bool, bool]:
        rows = (await ledger.exchange([], [], later_tries=3)).rows
        before = await ledger.exchange([], [], tries_in_hand=rows)
        await sync_to_async(execute)(
            "UPDATE deliveries_try SET lease_by = 'another' WHERE delivery_id = %s AND seq = 2", delivery.pk
        )
        after = await ledger.exchange([], [], tries_in_hand=rows)
        return before.lost_tries, after.lost_tries

    assert with_ledger(delivery, taken_meanwhile) == (False, True)


@pytest.mark.parametrize("status", ["paused", "stopped", "failed"])
def test_what_a_dead_lane_left_behind_is_settled_whatever_became_of_the_delivery(status):
    delivery = DeliveryFactory(sending=True, recipients=4)

    async def hand_over_and_die(ledger):
        hold = await ledger.claim()
        await ledger.exchange([hold], [], hand=hold, window=2)

    with_ledger(delivery, hand_over_and_die)
    execute("UPDATE deliveries_delivery SET status = %s WHERE id = %s", status, delivery.pk)
    expire_leases(delivery)
    look.tick()

    rest = "PREPARED" if status == "paused" else "CANCELLED"
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", rest, rest]
    assert not Chunk.objects.filter(delivery=delivery).exclude(lease_until=None).exists()
    assert books.imbalance(delivery) == {}


# -- a lane that is taken for dead ------------------------------------------------------------------------


def test_a_living_lane_that_is_taken_for_dead_hands_over_nothing_more_and_repeats_nobody():
    delivery = DeliveryFactory(sending=True, recipients=100)
    seen: list[int] = []

    def end_and_reclaim():
        recovery.end_leases(delivery.pk, lane="job:1@host")
        return recovery.reclaim(delivery.pk)

    async def take_it_for_dead(pool):
        if pool.waiting and not seen:
            seen.append(len(pool.waiting))
            assert await sync_to_async(end_and_reclaim)() == len(pool.waiting)
        return pool.take(len(pool.waiting))

    def name(lane):
        lane.ledger.lane = "abcd.job:1@host"

    run_lane(delivery, ScriptedPool(take_it_for_dead), before=name)

    chunk = Chunk.objects.get(delivery=delivery)
    assert (chunk.handed_upto, chunk.sent, chunk.in_doubt) == (seen[0], seen[0], 0)
    assert books.imbalance(delivery) == {}


@pytest.mark.parametrize("lane", ["job:2@host", "other:1@host", "job:1@elsewhere", "1@host", "%"])
def test_the_leases_of_every_other_lane_stay(lane):
    delivery = DeliveryFactory(sending=True, recipients=3)
    with_ledger(delivery, lambda ledger: ledger.claim(), lane="abcd.job:1@host")
    before = Chunk.objects.get(delivery=delivery).lease_until

    recovery.end_leases(delivery.pk, lane=lane)

    assert Chunk.objects.get(delivery=delivery).lease_until == before
