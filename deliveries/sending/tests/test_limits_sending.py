"""Limits while messages leave: real lanes, the real ledger, Valkey and an SMTP server; the time is real too."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from django.db import connection

from accounts.roles import root
from audiences.models import Profile
from campaign.lib import clock
from deliveries import jobs
from deliveries.ledger import books
from deliveries.models import Delivery, Message, MessageStatus, ProviderLimit, Status, Try
from deliveries.operations import route_settings
from deliveries.routing import limits, routes
from deliveries.sending import control, throttle
from deliveries.tests.factories import DeliveryFactory, audience_of, person
from deliveries.tests.ledger_rows import statuses
from deliveries.tests.relay import Relay
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.waits]

LANE = 60  # seconds: what a test looks at comes about within one lane's turn


def limited_route(per_hour: int | None = None, **providers: tuple[int, list[str]]) -> None:
    by, route = person("administration", root()), routes.default_route()
    route_settings.save_route(route=route, by=by, limit_per_hour=per_hour)
    for name, (limit, domains) in providers.items():
        route_settings.save_provider_limit(
            limit=ProviderLimit(route=route), by=by, name=name, domains=domains, limit_per_hour=limit
        )


def sent(delivery: Delivery) -> int:
    return Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).count()


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")


@contextmanager
def draining(*deliveries: Delivery):
    """A lane for each time that a delivery is named, until the block ends."""
    stop, running = threading.Event(), []

    def run(pk: int) -> None:
        while not stop.is_set() and Delivery.objects.get(pk=pk).status in {Status.SCHEDULED, Status.SENDING}:
            jobs.drain(delivery_id=pk)
            stop.wait(0.1)
        connection.close()

    for delivery in deliveries:
        running.append(threading.Thread(target=run, args=(delivery.pk,), daemon=True))
        running[-1].start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(40)


def test_lanes_of_two_deliveries_keep_to_the_routes_limit_and_share_it(relay, settings):
    settings.SINETE = settings.SINETE | {"lane_seconds": LANE, "chunk_rows": 50}
    limited_route(36_000)
    big, small = (DeliveryFactory(sending=True, recipients=200) for _ in range(2))
    began = time.monotonic()

    with draining(big, big, small):
        wait_until(lambda: min(sent(big), sent(small)) > 0, "both have begun")
        first = sent(big), sent(small)  # whose lane came first had the limit to itself
        wait_until(lambda: sent(big) + sent(small) >= sum(first) + 60, "sixty more have left")
        seconds, received = time.monotonic() - began, len(relay.recipients())
        shares = sent(big) - first[0], sent(small) - first[1]
        for delivery in (big, small):
            control.pause(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert received <= 10 * seconds + 10
    assert seconds < LANE
    assert max(shares) / sum(shares) < 2 / 3
    assert all(books.imbalance(delivery) == {} for delivery in (big, small))


def test_a_pause_takes_hold_at_once_while_a_limit_slows(relay):
    delivery = DeliveryFactory(sending=True, recipients=300)
    limits.set_limit(delivery=delivery, per_hour=36_000, by=person("start", delivery.unit), at=clock.now())

    with draining(delivery):
        wait_until(lambda: sent(delivery) > 5, "some have left")
        control.pause(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
        handed = control.before_stopping(delivery).left
        began = time.monotonic()
    ended_after = time.monotonic() - began

    assert len(relay.recipients()) == handed < 300
    assert ended_after < 12  # at that limit the rest takes twice as long
    assert not books.open_ends(delivery)["leases"]


def test_a_limit_that_is_lifted_in_mid_send_acts_within_seconds(relay):
    delivery = DeliveryFactory(sending=True, recipients=300)
    starter = person("start", delivery.unit)
    limits.set_limit(delivery=delivery, per_hour=7200, by=starter, at=clock.now())

    with draining(delivery):
        wait_until(lambda: sent(delivery) > 2, "some have left")
        assert sent(delivery) < 20
        limits.set_limit(delivery=delivery, per_hour=None, by=starter, at=clock.now())
        wait_until(lambda: len(relay.recipients()) == 300, "all have left", seconds=30)

    assert statuses(delivery) == ["SENT"] * 300


def test_a_limit_that_is_set_in_mid_send_holds_from_the_next_window_on(relay):
    relay.delay = 0.05
    delivery = DeliveryFactory(sending=True, recipients=1500)

    with draining(delivery):
        wait_until(lambda: sent(delivery) > 100, "some have left")
        limits.set_limit(delivery=delivery, per_hour=3600, by=person("start", delivery.unit), at=clock.now())
        on_their_way = control.before_stopping(delivery).left
        began = time.monotonic()
        wait_until(lambda: len(relay.recipients()) >= on_their_way + 3, "three more have left")
        seconds = time.monotonic() - began
        assert len(relay.recipients()) <= on_their_way + seconds + 1
        control.pause(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert sent(delivery) < 1500


def test_who_is_over_a_providers_limit_leaves_later_and_everybody_else_goes_on(relay):
    limited_route(mailbox=(18_000, ["mailbox.example"]))
    audience = audience_of(root(), 60)
    for number, member in enumerate(audience.members.select_related("profile")):
        if number % 2:
            Profile.objects.filter(pk=member.profile_id).update(
                email=f"p{number}@Mailbox.example", email_key=f"p{number}@mailbox.example"
            )
    delivery = DeliveryFactory(sending=True, audience=audience)
    began = time.monotonic()

    with draining(delivery):
        wait_until(lambda: len(others(relay)) == 30, "all others have left")
        limited = len(relay.recipients()) - 30
        assert limited <= 5 * (time.monotonic() - began) + 5
        wait_until(lambda: len(relay.recipients()) == 60, "all have left")
        seconds = time.monotonic() - began

    assert limited < 25
    assert 4 < seconds < 30
    wait_until(
        lambda: jobs.tick() or Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED, "it is over"
    )
    rows = Message.objects.filter(delivery=delivery)
    assert set(rows.values_list("tries", "status")) == {(1, MessageStatus.SENT)}
    assert max(Counter(relay.recipients()).values()) == 1
    assert books.imbalance(delivery) == {}


def others(relay: Relay) -> list[str]:
    return [address for address in relay.recipients() if not address.lower().endswith("@mailbox.example")]


def test_who_queues_is_due_at_once_when_the_providers_limit_goes(relay):
    limited_route(mailbox=(1, ["example.com"]))
    delivery = DeliveryFactory(sending=True, recipients=5)
    domains = {address.rpartition("@")[2] for address in Message.objects.values_list("address", flat=True)}
    limit = ProviderLimit.objects.get()
    by = person("administration", root())
    route_settings.save_provider_limit(limit=limit, by=by, name="mailbox", domains=domains, limit_per_hour=1)
    jobs.drain(delivery_id=delivery.pk)
    assert statuses(delivery) == ["RETRYING"] * 5
    assert Try.objects.filter(due_at__gt=clock.now()).count() == 5

    route_settings.remove_provider_limit(limit=limit, by=by)
    jobs.drain(delivery_id=delivery.pk)

    assert statuses(delivery) == ["SENT"] * 5


def test_a_lane_without_tokens_for_long_lets_go_and_none_is_woken_before_the_next(relay, settings):
    delivery = DeliveryFactory(sending=True, recipients=3)
    limits.set_limit(delivery=delivery, per_hour=10, by=person("start", delivery.unit), at=clock.now())
    began = time.monotonic()

    jobs.drain(delivery_id=delivery.pk)
    jobs.tick()

    assert time.monotonic() - began < 15
    assert statuses(delivery) == ["PREPARED"] * 3
    assert not books.open_ends(delivery)["leases"]
    from django_rq import get_queue

    assert get_queue("send").get_job_ids() == []


def test_a_lane_that_waits_for_tokens_does_not_spin(settings):
    settings.SINETE = settings.SINETE | {"lane_seconds": 2}
    delivery = DeliveryFactory(sending=True, recipients=3)
    limits.set_limit(delivery=delivery, per_hour=1000, by=person("start", delivery.unit), at=clock.now())
    pool = ScriptedPool()

    run_lane(delivery, pool)

    assert pool.rounds < 30
    assert pool.most <= 1


def test_valkey_away_only_slows(relay, settings, monkeypatch):
    settings.SINETE = settings.SINETE | {"lane_seconds": 4, "lanes": 1}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    delivery = DeliveryFactory(sending=True, recipients=60)
    limits.set_limit(delivery=delivery, per_hour=18_000, by=person("start", delivery.unit), at=clock.now())
    began = time.monotonic()

    jobs.drain(delivery_id=delivery.pk)
    seconds = time.monotonic() - began

    assert 3 <= sent(delivery) <= 5 * seconds
    assert books.imbalance(delivery) == {}


def test_tokens_of_those_who_opted_out_since_go_to_others(relay):
    delivery = DeliveryFactory(sending=True, recipients=40)
    Profile.objects.filter(
        pk__in=Message.objects.filter(delivery=delivery, seq__lte=20).values("profile_id")
    ).update(no_email=True)
    limits.set_limit(delivery=delivery, per_hour=18_000, by=person("start", delivery.unit), at=clock.now())
    began = time.monotonic()

    jobs.drain(delivery_id=delivery.pk)

    assert len(relay.recipients()) == 20
    assert time.monotonic() - began < 7  # forty messages take eight seconds


def test_without_a_limit_no_statement_is_added_and_valkey_is_not_asked(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=10)
    monkeypatch.setattr(throttle.Throttle, "_script", lambda *args: pytest.fail("Valkey was asked"))

    lane = run_lane(delivery, ScriptedPool())

    assert lane.sent == 10
