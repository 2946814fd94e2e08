"""A delivery whose relay falls silent goes on over other connections, and no late answer is lost."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections

from deliveries import jobs
from deliveries.ledger import books
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Route, Status
from deliveries.sending import waking
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.freezing_proxy import FreezingProxy
from deliveries.tests.smtp_server import SILENCE, Script, Server
from deliveries.tests.workers import horses, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.waits]

PATIENCE = 60  # seconds until a test that waits for nothing gives up
# No living relay lets an answer wait for a second, and a test has one and a half to freeze it in mid-send.
SILENT, SLOW = 1, 0.1  # seconds: until a connection is silent, and before the answer to each message


class Swallowing(dict):
    """The messages of these numbers, in the order of their arrival, get no answer; `get` is what the server asks."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.asked = numbers, 0

    def get(self, key: Any, default: Any = None) -> Any:
        if key[1] != "body":
            return default
        self.asked += 1
        return SILENCE if self.asked in self.numbers else default


@dataclass
class Stage:
    """A scripted relay behind a way to it that can freeze, both in a thread of their own."""

    server: Server
    proxy: FreezingProxy
    loop: asyncio.AbstractEventLoop

    def freeze(self) -> int:
        """What is connected falls silent while each connection waits for its answer; return how many that are."""

        def fall_silent() -> int:
            return self.proxy.freeze() if self.server.owes_all() else 0

        frozen: list[int] = []
        until(lambda: frozen.append(self._there(fall_silent)) or frozen[-1])
        return frozen[-1]

    def thaw(self) -> None:
        self._there(self.proxy.thaw)

    def cut(self) -> None:
        self._there(self.server.cut)

    def _there(self, call: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE)


@contextmanager
def silent_relay(script: Script, settings: Any, **changes: Any) -> Iterator[Stage]:
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    stages: list[Stage] = []

    async def serve() -> None:
        async with Server(script) as server, FreezingProxy(server.port) as proxy:
            stages.append(Stage(server, proxy, loop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    settings.RELAY_URL = f"smtp://127.0.0.1:{stages[0].proxy.port}"
    settings.SINETE = settings.SINETE | {"smtp_silence_seconds": SILENT, **changes}
    try:
        yield stages[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


@contextmanager
def lane_of(delivery: Delivery) -> Iterator[threading.Thread]:
    """One lane of the delivery, beside whatever the test looks at meanwhile."""

    def drain() -> None:
        try:
            jobs.drain(delivery_id=delivery.pk)
        finally:
            connections.close_all()

    jobs.tick()
    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.03)


def statuses(delivery: Delivery) -> dict[str, int]:
    rows = list(Message.objects.filter(delivery=delivery).values_list("status", flat=True))
    return {MessageStatus(status).name: rows.count(status) for status in set(rows)}


def connections_of_a_worker(number: int) -> None:
    Route.objects.update_or_create(is_default=True, defaults={"label": "Default", "connections": number})


def test_a_delivery_goes_on_while_its_first_connections_are_silent(settings):
    connections_of_a_worker(2)
    with silent_relay(Script(body_delay_s=SLOW), settings) as stage:
        delivery = DeliveryFactory(scheduled=True, recipients=60)

        with lane_of(delivery):
            until(lambda: len(stage.server.taken) >= 10)
            assert stage.freeze() == 2
            until(lambda: len(stage.server.taken) == 60)
            stage.thaw()

    delivery.refresh_from_db()
    assert statuses(delivery) == {"SENT": 60}
    assert delivery.status == Status.FINISHED
    assert len(stage.server.taken) == 60
    assert stage.proxy.most_open == 4


def test_a_lane_that_only_waits_for_old_answers_holds_nothing_and_still_stores_them(settings):
    connections_of_a_worker(2)
    with silent_relay(Script(body_delay_s=SLOW), settings) as stage:
        delivery = DeliveryFactory(scheduled=True, recipients=40)

        with lane_of(delivery):
            until(lambda: len(stage.server.taken) >= 10)
            stage.freeze()
            until(lambda: Doubt.objects.filter(delivery=delivery).count() == 2)
            until(lambda: Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED)
            while_waiting = statuses(delivery)
            leased = Chunk.objects.filter(delivery=delivery).exclude(lease_until=None).count()
            stage.thaw()

    delivery.refresh_from_db()
    assert while_waiting == {"SENT": 38, "IN_DOUBT": 2}
    assert leased == 0
    assert statuses(delivery) == {"SENT": 40}
    assert not Doubt.objects.exists()
    assert books.imbalance(delivery) == {}
    assert len(stage.server.taken) == 40


def test_who_never_answers_leaves_in_doubt_what_it_swallowed_and_no_more(settings):
    connections_of_a_worker(2)
    script = Script(answers=Swallowing(3, 7))
    with silent_relay(script, settings, smtp_reply_seconds=4):
        delivery = DeliveryFactory(scheduled=True, recipients=30)

        with lane_of(delivery):
            pass

    delivery.refresh_from_db()
    assert statuses(delivery) == {"SENT": 28, "IN_DOUBT": 2}
    assert delivery.status == Status.FINISHED
    assert books.imbalance(delivery) == {}
    assert Route.objects.get().closed_until is None
    assert script.answers.asked == 30


def test_a_lane_that_waits_for_silent_connections_makes_way_for_another_delivery(settings, monkeypatch):
    connections_of_a_worker(1)
    monkeypatch.setattr("deliveries.sending.lanes.SHORTEST_TURN", 1.0)
    script = Script(answers=Swallowing(*range(1, 31)))
    with silent_relay(script, settings) as stage:
        delivery = DeliveryFactory(scheduled=True, recipients=30)

        with lane_of(delivery):
            until(lambda: script.answers.asked == 2)
            assert not Doubt.objects.exists()
            monkeypatch.setattr(waking, "others_wait", lambda delivery_id: True)
            until(lambda: Doubt.objects.filter(delivery=delivery).count() == 2)
            until(lambda: not Chunk.objects.exclude(lease_until=None).exists())
            assert stage.proxy.open == 2
            stage.cut()

    assert statuses(delivery)["IN_DOUBT"] == 2
    assert stage.proxy.most_open == 2


def is_over(delivery: Delivery) -> bool:
    jobs.tick()
    return Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED


def test_a_worker_sends_another_delivery_while_its_last_lane_waits_for_old_answers(settings):
    connections_of_a_worker(1)
    with (
        silent_relay(Script(body_delay_s=SLOW), settings) as stage,
        worker("send", SINETE_SMTP_SILENCE_SECONDS=str(SILENT)),
    ):
        first = DeliveryFactory(scheduled=True, recipients=20)
        jobs.tick()
        until(lambda: len(stage.server.taken) >= 5)
        stage.freeze()
        until(lambda: is_over(first))
        after_the_first = statuses(first)
        second = DeliveryFactory(scheduled=True, recipients=20)
        until(lambda: is_over(second))
        still_in_doubt = statuses(first)
        stage.thaw()
        until(lambda: not Doubt.objects.exists())

    assert after_the_first == still_in_doubt == {"SENT": 19, "IN_DOUBT": 1}
    assert statuses(first) == statuses(second) == {"SENT": 20}
    assert books.imbalance(first) == {}
    assert stage.proxy.most_open == 2


def test_a_worker_that_is_told_to_stop_ends_the_lane_that_lingers(settings):
    connections_of_a_worker(1)
    with (
        silent_relay(Script(body_delay_s=SLOW), settings) as stage,
        worker("send", SINETE_SMTP_SILENCE_SECONDS=str(SILENT)) as process,
    ):
        delivery = DeliveryFactory(scheduled=True, recipients=20)
        jobs.tick()
        until(lambda: len(stage.server.taken) >= 5)
        stage.freeze()
        until(lambda: is_over(delivery))
        lingering = horses(process)

        process.terminate()

        until(lambda: not any(each.is_running() and each.status() != "zombie" for each in lingering))

    assert len(lingering) == 1
    assert statuses(delivery) == {"SENT": 19, "IN_DOUBT": 1}


def test_two_lanes_with_silent_connections_have_no_more_than_twice_their_connections(settings):
    connections_of_a_worker(2)
    script = Script(answers=Swallowing(*range(1, 1_000)))
    with silent_relay(script, settings, chunk_rows=20, smtp_reply_seconds=8) as stage:
        delivery = DeliveryFactory(scheduled=True, recipients=60)

        with lane_of(delivery), lane_of(delivery):
            until(lambda: stage.proxy.open == 8)
            until(lambda: stage.proxy.open < 8)  # the first gave up

    assert stage.proxy.most_open == 8
