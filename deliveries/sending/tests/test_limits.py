"""Limits of what leaves in an hour: the buckets in Valkey by a scripted clock, and real lanes that draw from them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import django_rq
import pytest

from deliveries.sending import throttle
from deliveries.sending.throttle import TOO_FAR_APART, Bucket, Provider, Throttle

ROUTE = Bucket("route:1", 36_000)  # ten a second


class Drawer:
    """A lane of a delivery, by a clock that the test moves."""

    def __init__(self, delivery: int, *, clock: "Clock") -> None:
        self.throttle, self.clock, self.taken = Throttle(delivery_id=delivery, deliveries=1), clock, 0

    async def take(self, wanted: int, *buckets: Bucket, **how: bool) -> throttle.Grant:
        self.throttle.at = self.clock.at
        grant = await self.throttle.take(wanted, buckets, **how)
        self.taken += grant.number
        return grant


class Clock:
    def __init__(self) -> None:
        self.at, self.drawers = 1_000_000.0, []

    def drawer(self, delivery: int = 1) -> Drawer:
        self.drawers.append(Drawer(delivery, clock=self))
        return self.drawers[-1]

    async def each(self, seconds: float, step: float, draw: Callable[[], Awaitable[Any]]) -> None:
        """Draw at each step for so long; the first look makes the bucket."""
        for _step in range(round(seconds / step)):
            await draw()
            self.at += step


def played(play: Callable[[Clock], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        clock = Clock()
        try:
            return await play(clock)
        finally:
            for drawer in clock.drawers:
                await drawer.throttle.close()

    return asyncio.run(run())


def test_lanes_that_share_a_bucket_never_get_more_than_its_rate_and_one_second_ahead():
    async def play(clock):
        lanes = [clock.drawer(1), clock.drawer(1), clock.drawer(2), clock.drawer(3)]
        most = 0.0

        async def draw():
            nonlocal most
            for lane in lanes:
                await lane.take(250, ROUTE)
            most = max(most, sum(lane.taken for lane in lanes) - 10 * (clock.at - 1_000_000))

        await clock.each(60, 0.1, draw)
        return sum(lane.taken for lane in lanes), most

    taken, most_ahead = played(play)

    assert taken == pytest.approx(600, abs=10)
    assert most_ahead <= 10


def test_what_was_not_drawn_is_kept_for_a_second_and_no_longer():
    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, ROUTE)
        clock.at += 3600
        return (await lane.take(1000, ROUTE)).number

    assert played(play) == 10


def test_ten_an_hour_is_one_every_six_minutes():
    slow = Bucket("route:2", 10)

    async def play(clock):
        lane, leaves = clock.drawer(), []

        async def draw():
            if (await lane.take(5, slow)).number:
                leaves.append(clock.at - 1_000_000)

        await clock.each(3700, 2, draw)
        return leaves

    leaves = played(play)

    assert leaves == pytest.approx([360 * number for number in range(1, 11)], abs=4)


def test_the_narrowest_bucket_decides_and_says_when_there_is_more():
    narrow = Bucket("delivery:1", 7200)

    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, ROUTE, narrow)
        clock.at += 1
        first = await lane.take(250, ROUTE, narrow)
        clock.at += first.wait
        return first, await lane.take(250, ROUTE, narrow)

    first, second = played(play)

    assert (first.number, first.wait, second.number) == (2, pytest.approx(0.5, abs=0.01), 1)


def test_tokens_that_were_not_used_come_back():
    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, ROUTE)
        clock.at += 1
        got = await lane.take(10, ROUTE)
        await lane.throttle.give_back(4, [ROUTE])
        return got.number, (await lane.take(10, ROUTE)).number

    assert played(play) == (10, 4)


def test_a_flush_in_the_middle_makes_it_slower_and_never_faster():
    async def play(clock):
        lanes = [clock.drawer(1), clock.drawer(2)]

        async def draw():
            if round(clock.at * 10) % 50 == 0:
                django_rq.get_connection("default").flushdb()
            for lane in lanes:
                await lane.take(250, ROUTE)

        await clock.each(60, 0.1, draw)
        return sum(lane.taken for lane in lanes)

    assert 500 <= played(play) <= 600


def test_two_deliveries_share_evenly_whatever_the_number_of_their_lanes():
    async def play(clock):
        big, small = [clock.drawer(1) for _ in range(5)], clock.drawer(2)

        async def draw():
            for lane in (*big, small):
                await lane.take(250, ROUTE)

        await clock.each(60, 0.25, draw)
        return sum(lane.taken for lane in big), small.taken

    big, small = played(play)

    assert big + small == pytest.approx(600, abs=15)
    assert small == pytest.approx(300, rel=0.1)


def test_two_deliveries_share_one_message_a_minute_evenly():
    slow = Bucket("route:2", 60)

    async def play(clock):
        lanes = [clock.drawer(1), clock.drawer(1), clock.drawer(2)]

        async def draw():
            for lane in lanes:
                await lane.take(5, slow)

        await clock.each(3601, 2, draw)
        return lanes[0].taken + lanes[1].taken, lanes[2].taken

    one, other = played(play)

    assert one + other == pytest.approx(60, abs=2)
    assert one == pytest.approx(other, abs=2)


def turn_of(lane: Drawer) -> Callable[[], Awaitable[None]]:
    """A turn at the only worker: the lane asks as long as the next token is near, and then lets the worker go."""

    async def turn() -> None:
        while (grant := await lane.take(5, Bucket("route:2", 60))).number or grant.wait <= TOO_FAR_APART:
            lane.clock.at += max(throttle.SHORTEST_WAIT, min(grant.wait, throttle.LONGEST_WAIT))

    return turn


def test_with_one_worker_too_each_of_three_gets_its_part_of_one_message_a_minute():
    async def play(clock):
        lanes = [clock.drawer(delivery) for delivery in (1, 2, 3)]
        for _minute in range(60):
            for lane in lanes:  # always in the same order: the first one is always there first
                await turn_of(lane)()
            clock.at += 55
        return [lane.taken for lane in lanes]

    taken = played(play)

    assert taken == pytest.approx([20, 20, 20], abs=2)


def test_who_ends_holds_a_slow_limit_up_for_seconds_and_once():
    async def play(clock):
        first, second = clock.drawer(1), clock.drawer(2)
        for _minute in range(4):
            await turn_of(first)()
            await turn_of(second)()
            clock.at += 55
        began, before = clock.at, first.taken
        while first.taken < before + 10:
            await turn_of(first)()
            clock.at += 1
        return clock.at - began

    assert played(play) <= 10 * 60 + throttle.SLOW_GRACE + 5


def test_what_one_delivery_leaves_of_its_share_the_other_gets():
    async def play(clock):
        busy, slow, own = clock.drawer(1), clock.drawer(2), Bucket("delivery:2", 7200)

        async def draw():
            await busy.take(250, ROUTE)
            await slow.take(250, own, ROUTE)

        await clock.each(60, 0.25, draw)
        return busy.taken, slow.taken

    busy, slow = played(play)

    assert slow == pytest.approx(120, abs=5)
    assert busy == pytest.approx(480, abs=15)


def test_who_comes_late_has_no_claim_to_what_was_sent_without_him():
    async def play(clock):
        first, second = clock.drawer(1), clock.drawer(2)
        await clock.each(60, 0.25, lambda: first.take(250, ROUTE))
        before = first.taken

        async def draw():
            await second.take(250, ROUTE)
            await first.take(250, ROUTE)

        await clock.each(20, 0.25, draw)
        return first.taken - before, second.taken

    first, second = played(play)

    assert first == pytest.approx(second, rel=0.2)


def test_who_ends_holds_nobody_up():
    async def play(clock):
        first, second = clock.drawer(1), clock.drawer(2)

        async def draw():
            await first.take(250, ROUTE)
            await second.take(250, ROUTE)

        await clock.each(10, 0.25, draw)
        before = first.taken
        await clock.each(10, 0.25, lambda: first.take(250, ROUTE))
        return first.taken - before

    assert played(play) >= 80


def test_who_queues_for_a_provider_gets_places_at_its_pace_and_nobody_passes_him():
    gmail = Provider(1, 3600, frozenset({"gmail.com"})).bucket

    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, gmail)
        clock.at += 1
        first = await lane.take(5, gmail, queues=True)
        clock.at += 1.5
        passing = await lane.take(2, gmail, queues=True, behind=True)
        due = await lane.take(1, gmail, queues=True)
        return first, passing, due

    first, passing, due = played(play)

    assert (first.number, first.slot) == (1, pytest.approx(1))  # the others queue at 1, 2, 3 and 4 seconds
    assert (passing.number, passing.slot) == (0, pytest.approx(4 - 1.5 + 1))
    assert due.number == 1


def test_what_does_not_wait_is_paid_back_by_those_who_do():
    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, ROUTE)
        throttle.debit({ROUTE: 30}, at=clock.at)
        refused = await lane.take(250, ROUTE)
        await clock.each(10, 0.25, lambda: lane.take(250, ROUTE))
        return refused, lane.taken

    refused, taken = played(play)

    assert refused == (0, pytest.approx(3.1), 0)
    assert taken == pytest.approx(10 * 10 - 30, abs=3)


def test_a_debt_makes_a_bucket_that_nobody_drew_from():
    async def play(clock):
        throttle.debit({ROUTE: 20}, at=clock.at)
        clock.at += 1
        return await clock.drawer().take(1, ROUTE)

    assert played(play).wait == pytest.approx(1.1)


def test_a_debt_lives_as_long_as_it_takes_to_pay_it_back():
    slow = Bucket("route:2", 60)

    throttle.debit({slow: 100})

    assert django_rq.get_connection("default").ttl(slow.key) > 100 * 60


def test_a_lane_that_asks_does_not_shorten_the_life_of_a_debt():
    slow = Bucket("route:2", 60)

    async def play(clock):
        throttle.debit({slow: 100}, at=clock.at)
        await clock.drawer().take(1, slow)

    played(play)

    assert django_rq.get_connection("default").ttl(slow.key) > 100 * 60


def test_who_queues_behind_a_debt_is_due_once_it_is_paid():
    gmail = Provider(1, 3600, frozenset({"gmail.com"})).bucket

    async def play(clock):
        throttle.debit({gmail: 10}, at=clock.at)
        return await clock.drawer().take(2, gmail, queues=True)

    assert played(play).slot == pytest.approx(11)


def test_tokens_of_what_did_not_leave_come_back_and_no_more_than_fit():
    async def play(clock):
        lane = clock.drawer()
        await lane.take(1, ROUTE)
        throttle.debit({ROUTE: 5}, at=clock.at)
        throttle.credit({ROUTE: 500}, at=clock.at)
        return await lane.take(250, ROUTE)

    assert played(play).number == 10


def test_without_valkey_a_lane_keeps_to_its_part(settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.SINETE = settings.SINETE | {"lanes": 2}
    moment = 0.0
    monkeypatch.setattr(throttle.time, "monotonic", lambda: moment)

    async def play(clock):
        nonlocal moment
        lane, taken = Throttle(delivery_id=1, deliveries=3), 0
        for _step in range(241):
            taken += (await lane.take(250, [ROUTE])).number
            moment += 0.25
        return taken

    assert 95 <= played(play) <= 100  # of 600 in that minute a sixth


def test_where_nothing_limits_valkey_is_not_asked(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    async def play(clock):
        lane = Throttle(delivery_id=1, deliveries=1)
        grant = await lane.take(250, ())
        await lane.give_back(3, ())
        return grant, lane._valkey

    grant, valkey = played(play)

    assert grant == (250, 0, 0)
    assert valkey is None
