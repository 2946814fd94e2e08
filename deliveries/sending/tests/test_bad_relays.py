"""One bad relay never burns the list: the route rests, nobody is failed or held by it, and it goes on after."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from audiences.models import Quarantine
from campaign.lib import clock
from deliveries.ledger import books
from deliveries.models import Delivery, Message, MessageStatus, Route, Status
from deliveries.routing import routes
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.sends import send
from deliveries.tests.smtp_server import DROP, Script, Server

pytestmark = pytest.mark.django_db(transaction=True)


class Everything(dict):
    """The same answer at one step to everybody; `get` is what the server asks by."""

    def __init__(self, step: str = "", answer: bytes = b"", every: int = 1) -> None:
        self.step, self.answer, self.every, self.asked = step, answer, every, 0

    def get(self, key: Any, default: Any = None) -> Any:
        if not self.step or key[1] != self.step:
            return default
        self.asked += 1
        return self.answer if self.asked % self.every == 0 else default


@contextmanager
def bad_relay(script: Script) -> Iterator[Server]:
    """A scripted relay in a thread of its own."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    server = Server(script)
    stop = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def statuses(delivery: Delivery) -> set[str]:
    rows = Message.objects.filter(delivery=delivery)
    return {MessageStatus(status).name for status in rows.values_list("status", flat=True)}


BAD = {
    "550 5.7.1 to each recipient": ("rcpt", b"550 5.7.1 Rejected by policy"),
    "550 5.7.1 to each message": ("body", b"550 5.7.1 Rejected by policy"),
    "550 5.7.1 to our sender": ("mail", b"550 5.7.1 Rejected by policy"),
    "554 to each recipient": ("rcpt", b"554 Transaction failed"),
    "554 to each message": ("body", b"554 Transaction failed"),
    "554 5.7.1 relaying denied": ("rcpt", b"554 5.7.1 Relay access denied"),
    "451 to our sender": ("mail", b"451 4.3.0 Try later"),
    "451 to each recipient": ("rcpt", b"451 Temporary local problem"),
    "451 4.3.5 to each recipient": ("rcpt", b"451 4.3.5 Server configuration problem"),
    "451 to each message": ("body", b"451 4.3.0 Queue file write error"),
    "452 to each message": ("body", b"452 4.3.1 Insufficient system storage"),
    "421 to each": ("mail", b"421 4.7.0 Too busy"),
    "503 to DATA": ("data", b"503 5.5.1 Bad sequence of commands"),
    "closes at MAIL": ("mail", DROP),
}


@pytest.fixture(params=BAD)
def bad(request: pytest.FixtureRequest) -> Script:
    return Script(answers=Everything(*BAD[request.param]))


CLOSED = {
    "535 at sign-in": Script(extensions=(b"PIPELINING", b"AUTH PLAIN"), login=(b"a", b"b")),
    "554 as greeting": Script(greeting=b"554 5.3.2 No service"),
    "closes at once": Script(greeting=DROP),
}


def assert_nobody_is_harmed_and_it_goes_on(delivery: Delivery, server: Server, settings: Any) -> None:
    send(delivery)
    assert delivery.status == Status.SENDING
    assert statuses(delivery) <= {"PREPARED", "RETRYING"}
    assert not Quarantine.objects.exists()
    route = Route.objects.get()
    assert route.closed_until is not None
    assert route.closed_because
    asked = len(server.commands)
    send(delivery)  # while it rests nobody calls
    assert len(server.commands) == asked
    with clock.shifted(timedelta(minutes=1)):  # the rest is over, and it is no better
        send(delivery)
    assert len(server.commands) > asked or server.connections
    assert statuses(delivery) <= {"PREPARED", "RETRYING"}
    assert not Quarantine.objects.exists()
    assert Route.objects.get().refusals_in_a_row == 2

    server.script.answers, server.script.greeting = {}, b"220 relay.example ESMTP"
    server.script.login = (b"news", b"right")
    with clock.shifted(timedelta(minutes=30)):
        for _round in range(3):
            send(delivery)

    assert delivery.status == Status.FINISHED
    assert statuses(delivery) == {"SENT"}
    assert len(server.bodies) == len(set(server.bodies)) or server.taken
    assert books.imbalance(delivery) == {}
    assert Route.objects.get().closed_until is None


def test_a_relay_that_turns_everybody_away_burns_nobody(bad, settings):
    with bad_relay(bad) as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        assert_nobody_is_harmed_and_it_goes_on(
            DeliveryFactory(scheduled=True, recipients=40), server, settings
        )


@pytest.mark.parametrize("kind", CLOSED)
def test_a_relay_that_lets_nobody_in_burns_nobody(kind, settings):
    with bad_relay(CLOSED[kind]) as server:
        settings.RELAY_URL = (
            f"smtp://news:right@127.0.0.1:{server.port}"
            if "535" in kind
            else f"smtp://127.0.0.1:{server.port}"
        )
        assert_nobody_is_harmed_and_it_goes_on(
            DeliveryFactory(scheduled=True, recipients=10), server, settings
        )


def test_one_bad_recipient_never_stops_the_rest(settings):
    """Every seventh is refused for the relay's policy: it is about them, and the others get theirs."""
    with bad_relay(Script(answers=Everything("rcpt", b"550 5.7.1 Blocked by policy", every=7))) as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        delivery = DeliveryFactory(scheduled=True, recipients=73)

        send(delivery)

    rows = Message.objects.filter(delivery=delivery)
    assert delivery.status == Status.FINISHED
    assert (
        rows.filter(status=MessageStatus.SENT).count(),
        rows.filter(status=MessageStatus.FAILED).count(),
    ) == (63, 10)
    assert not Quarantine.objects.exists()
    assert Route.objects.get().closed_until is None


def test_a_recipient_whom_the_relay_can_t_take_for_now_waits_longer_each_time(settings):
    """A 4xx that speaks of the relay, and it takes all the others: an ordinary later try, which counts."""
    with bad_relay(Script(answers=Everything("body", b"451 4.3.0 Try later", every=7))) as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        delivery = DeliveryFactory(scheduled=True, recipients=13)

        send(delivery)

    row = Message.objects.get(delivery=delivery, status=MessageStatus.RETRYING)
    assert row.tries == 1
    assert Route.objects.get().closed_until is None


def test_the_last_one_that_is_refused_is_asked_again_before_it_fails(settings):
    """Nothing came after it that would tell whom the refusal is about."""
    with bad_relay(Script(answers=Everything("rcpt", b"550 5.7.1 Blocked by policy"))) as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        delivery = DeliveryFactory(scheduled=True, recipients=1)

        for number, hours in enumerate((0, 1, 2)):
            assert statuses(delivery) == ({"PREPARED"} if number == 0 else {"RETRYING"})
            with clock.shifted(timedelta(hours=hours)):
                send(delivery)

    assert statuses(delivery) == {"FAILED"}
    assert Message.objects.get(delivery=delivery).tries == 3
    assert delivery.status == Status.FINISHED


def test_a_relay_that_turns_bad_half_way_burns_nobody(settings):
    script = Script(answers=Everything())
    with bad_relay(script) as server:
        settings.RELAY_URL = f"smtp://127.0.0.1:{server.port}"
        delivery = DeliveryFactory(scheduled=True, recipients=120)

        class AfterFifty(Everything):
            def get(self, key: Any, default: Any = None) -> Any:
                return super().get(key, default) if len(server.taken) >= 50 else default

        script.answers = AfterFifty("rcpt", b"550 5.7.1 Rejected by policy")
        send(delivery)

        assert statuses(delivery) <= {"SENT", "PREPARED", "RETRYING"}
        assert Route.objects.get().closed_until is not None
        script.answers = {}
        with clock.shifted(timedelta(minutes=5)):
            send(delivery)

    assert statuses(delivery) == {"SENT"}
    assert len(server.taken) == 120


def test_lanes_that_are_turned_away_side_by_side_let_the_route_rest_once():
    route, at = routes.default_route(), clock.now()
    for _lane in range(8):
        routes.open_breaker(route.pk, because="421 4.3.2 Not now", at=at)

    route.refresh_from_db()
    assert route.refusals_in_a_row == 1
    assert route.closed_until == at + timedelta(seconds=15)


def test_a_route_that_rests_again_rests_longer_and_a_success_forgets_it():
    route, at = routes.default_route(), clock.now()
    rests = []
    for _time in range(9):
        routes.open_breaker(route.pk, because="550 5.7.1", at=at)
        rested = Route.objects.get().closed_until
        rests.append((rested - at).total_seconds())
        at = rested

    assert rests[:4] == [15, 30, 60, 120]
    assert max(rests) <= 900
    routes.note_success(route.pk)
    assert Route.objects.get().refusals_in_a_row == 0
