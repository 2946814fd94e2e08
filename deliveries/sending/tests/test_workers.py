"""Real worker processes: killed in mid-send, told to stop, with the queue wiped under them."""

import signal
import time
from collections import Counter
from contextlib import ExitStack

import django_rq
import pytest
from django.db import connection

from accounts.roles import root
from campaign.lib import clock
from campaign.tests.waiting import PATIENCE, wait_until
from deliveries import jobs
from deliveries.ledger import books
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Status
from deliveries.operations import route_settings
from deliveries.routing import routes
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.relay import Relay
from deliveries.tests.workers import horses, kill_with_children, manage, sent, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.waits]

SOON = 20  # seconds in which a worker ends that was told to, whose job may drain for 3.5
LONG = "120"  # seconds of a lane
SLOW = 0.1  # seconds before each answer: hundreds of messages last long enough for what befalls their send


def until_over(delivery: Delivery) -> None:
    """Tick until the delivery is finished."""

    def is_over() -> bool:
        jobs.tick()
        delivery.refresh_from_db()
        return delivery.status == Status.FINISHED

    wait_until(is_over, "the delivery is finished", every=0.3)


def assert_exact(delivery: Delivery, relay: Relay) -> None:
    """Ledger and receiver agree, recipient by recipient; what is in doubt may be on either side."""
    received = Counter(relay.recipients())
    assert not [address for address, times in received.items() if times > 1]
    rows = Message.objects.filter(delivery=delivery)
    assert set(rows.filter(status=MessageStatus.SENT).values_list("address", flat=True)) <= set(received)
    accounted = set(rows.exclude(status=MessageStatus.PREPARED).values_list("address", flat=True))
    assert set(received) <= accounted
    assert books.imbalance(delivery) == {}


def test_a_worker_killed_in_mid_send_loses_nobody_and_repeats_nobody(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=600)
    jobs.tick()

    with worker("send") as first:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        kill_with_children(first)
    relay.delay = 0
    with worker("send"):
        until_over(delivery)

    assert_exact(delivery, relay)
    assert Doubt.objects.filter(delivery=delivery).count() <= 2 * 250


def test_a_worker_told_to_stop_drains_and_leaves_no_doubt(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=600)
    jobs.tick()

    with worker("send") as first:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        first.send_signal(signal.SIGTERM)
        first.wait(timeout=SOON)
    assert 50 < sent(delivery) < 600
    assert not Doubt.objects.filter(delivery=delivery).exists()
    relay.delay = 0
    with worker("send"):
        until_over(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 600


def test_a_queue_wiped_in_mid_send_only_delays(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=400)
    jobs.tick()

    with worker("send", SINETE_LANE_SECONDS="1"):
        wait_until(lambda: sent(delivery) > 20, "the send is under way")
        django_rq.get_connection("default").flushdb()
        relay.delay = 0
        until_over(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 400


def test_a_work_horse_killed_alone_is_replaced_by_its_worker(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=600)
    jobs.tick()

    with worker("send") as only:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        horses(only)[0].kill()
        relay.delay = 0
        until_over(delivery)

    assert_exact(delivery, relay)
    assert 0 < Doubt.objects.filter(delivery=delivery).count() <= 2 * 250


def test_a_lane_whose_death_its_worker_saw_is_taken_over_long_before_its_lease_ends(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=400)
    jobs.tick()

    with worker("send", "tick", SINETE_LEASE_SECONDS="3600") as only:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        horses(only)[0].kill()
        relay.delay = 0
        until_over(delivery)

    assert_exact(delivery, relay)
    assert 0 < Doubt.objects.filter(delivery=delivery).count() <= 2 * 250


def test_a_work_horse_whose_worker_was_killed_comes_to_a_good_end(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=400)
    jobs.tick()

    with worker("send", SINETE_LANE_SECONDS="2") as first:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        orphan = horses(first)[0]
        first.kill()
        first.wait()
        relay.delay = 0.005
        with worker("send"):
            until_over(delivery)
        orphan.wait(PATIENCE)

    assert_exact(delivery, relay)
    assert sorted(relay.recipients()) == sorted(
        Message.objects.filter(delivery=delivery).values_list("address", flat=True)
    )


def test_a_deploy_in_mid_send_loses_and_repeats_nobody_and_leaves_no_doubt(relay, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 200}
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=1200)
    jobs.tick()

    with ExitStack() as running:
        old = [running.enter_context(worker("send")) for _ in range(2)]
        wait_until(lambda: sent(delivery) > 100, "the send is under way")
        for each in old:
            each.send_signal(signal.SIGTERM)
        with manage("migrate", "--verbosity", "0") as migrations:
            new = [running.enter_context(worker("send")) for _ in range(2)]
            assert [each.wait(timeout=SOON) for each in old] == [0, 0]
            assert sent(delivery) < 1200
            assert migrations.wait(timeout=PATIENCE) == 0
        relay.delay = 0
        until_over(delivery)
        assert all(each.poll() is None for each in new)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 1200
    assert not Doubt.objects.filter(delivery=delivery).exists()


def test_a_relay_slower_than_the_drain_leaves_no_more_in_doubt_than_was_on_the_wire(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=400)
    jobs.tick()

    with worker("send") as first:
        wait_until(lambda: sent(delivery) > 0, "the send is under way")
        relay.delay = 60
        wait_until(
            lambda: in_hand(delivery) > 8, "more is handed over than is on the wire, and no answer comes"
        )
        first.send_signal(signal.SIGTERM)
        first.wait(timeout=SOON)
    relay.delay = 0
    with worker("send"):
        until_over(delivery)

    assert_exact(delivery, relay)
    assert 0 < Doubt.objects.filter(delivery=delivery).count() <= 8  # one on each connection
    assert len(relay.recipients()) == 400


def in_hand(delivery: Delivery) -> int:
    return sum(
        chunk.handed_upto - chunk.seq_from + 1 - chunk.sent
        for chunk in Chunk.objects.filter(delivery=delivery)
    )


def test_cron_killed_and_begun_again_moves_what_stood_still(relay):
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=200)
    django_rq.get_connection("default").flushdb()

    with worker("tick", "send", SINETE_LANE_SECONDS="1"):
        with manage("cron") as cron:
            wait_until(lambda: sent(delivery) > 20, "the send is under way")
            cron.kill()
            cron.wait()
        django_rq.get_connection("default").flushdb()
        relay.delay = 0
        with manage("cron"):
            until_finished(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 200


def test_a_lane_job_that_vanished_with_its_worker_is_asked_for_again(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=20)
    jobs.tick()
    queue = django_rq.get_queue("send")
    assert queue.count > 0
    for job in queue.jobs:
        job.delete(remove_from_queue=False)  # its id still waits, and stands for nothing

    with worker("send"):
        until_over(delivery)

    assert_exact(delivery, relay)


def until_finished(delivery: Delivery) -> None:
    """By cron's ticks alone."""

    def is_finished() -> bool:
        delivery.refresh_from_db()
        return delivery.status == Status.FINISHED

    wait_until(is_finished, "the delivery is finished", every=0.3)


def test_workers_hand_over_no_window_after_the_receipt_of_a_stop_of_all_sending(relay, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 300}
    relay.delay = SLOW
    delivery = DeliveryFactory(scheduled=True, recipients=1200)
    jobs.tick()

    with worker("send"), worker("send"):
        wait_until(lambda: sent(delivery) > 100, "the send is under way")
        receipt = halts.stop_all(
            unit=root(), by=person("start", root()), at=clock.now(), reason="Wrong price"
        )
        marks = marks_of(delivery)
        wait_until(lambda: not delivery.chunks.exclude(lease_until=None).exists(), "every lane has let go")
        jobs.tick()
        assert marks_of(delivery) == marks
        assert 100 < len(relay.recipients()) <= receipt.left < 1200
        relay.delay = 0
        halts.allow(unit=root(), by=person("start", root()), at=clock.now())
        until_over(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 1200


def test_a_delivery_that_comes_later_gets_a_worker_long_before_the_one_before_it_is_through(relay):
    relay.delay = SLOW
    big = DeliveryFactory(scheduled=True, recipients=3000)
    jobs.tick()

    with worker("send", SINETE_LANE_SECONDS=LONG), worker("send", SINETE_LANE_SECONDS=LONG):
        wait_until(lambda: lanes_of(big) == 2, "both workers send the big one")
        small = DeliveryFactory(scheduled=True, recipients=300)
        began = time.monotonic()
        wait_until(lambda: jobs.tick() or (lanes_of(small) > 0 and lanes_of(big) > 0), "each has a worker")
        assert time.monotonic() - began < int(LONG) / 2
        assert lanes_of(big) == lanes_of(small) == 1
        assert sent(big) < 3000
        relay.delay = 0
        until_over(small)
        until_over(big)

    for delivery in (big, small):
        assert books.imbalance(delivery) == {}
    assert len(relay.recipients()) == len(set(relay.recipients())) == 3300


def marks_of(delivery: Delivery) -> dict[int, int]:
    return dict(delivery.chunks.values_list("number", "handed_upto"))


def lanes_of(delivery: Delivery) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT lease_by) FROM deliveries_chunk"
            " WHERE delivery_id = %s AND NOT done AND lease_until > sinete_clock()",
            [delivery.pk],
        )
        return cursor.fetchone()[0]


def test_workers_of_their_own_processes_keep_to_one_limit_together_while_the_queue_is_wiped(relay):
    route = routes.default_route()
    by = person("administration", root())
    route_settings.save_route(route=route, by=by, limit_per_hour=72_000)
    one, other = (DeliveryFactory(scheduled=True, recipients=300) for _ in range(2))
    jobs.tick()

    with worker("send"), worker("send"), worker("send"):
        wait_until(lambda: relay.recipients() != [], "the first has left")
        before, began = len(relay.recipients()), time.monotonic()
        wait_until(lambda: jobs.tick() or len(relay.recipients()) >= before + 60, "sixty more have left")
        assert len(relay.recipients()) - before <= 20 * (time.monotonic() - began) + 20
        django_rq.get_connection("default").flushdb()
        before, began = len(relay.recipients()), time.monotonic()
        wait_until(lambda: jobs.tick() or len(relay.recipients()) >= before + 60, "sixty more have left")
        assert len(relay.recipients()) - before <= 20 * (time.monotonic() - began) + 20
        route_settings.save_route(route=route, by=by, limit_per_hour=None)
        until_over(one)
        until_over(other)

    for delivery in (one, other):
        assert books.imbalance(delivery) == {}
        assert not Doubt.objects.filter(delivery=delivery).exists()
    assert len(relay.recipients()) == len(set(relay.recipients())) == 600
