"""Deliveries that are over are counted and ended, and nobody waits for another."""

import threading
from collections.abc import Callable

import django_rq
import psycopg
import pytest
from django.db import connections

from campaign.lib import clock
from campaign.lib.jobs import Queue
from campaign.tests.databases import database_url
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries.ledger import books
from deliveries.models import Chunk, Delivery, Message, Status
from deliveries.sending import control, exchange, gate, looks
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute
from deliveries.tick import look
from deliveries.tick.tests.many_deliveries import copies, status

pytestmark = pytest.mark.django_db


def all_sent(delivery: Delivery) -> None:
    execute("UPDATE deliveries_message SET status = 1, tries = 1 WHERE delivery_id = %s", delivery.pk)
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", delivery.pk)


def test_what_moves_between_the_count_and_the_step_is_counted_again(monkeypatch):
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)
    count = books.count

    def count_and_then_a_bounce_comes(of: Delivery) -> books.Books:
        counted = count(of)
        execute("UPDATE deliveries_message SET status = 7 WHERE delivery_id = %s AND seq = 1", of.pk)
        return counted

    monkeypatch.setattr(books, "count", count_and_then_a_bounce_comes)
    assert not gate.finish_if_over(delivery.pk)
    monkeypatch.undo()

    look.tick()

    assert status(delivery.pk) == Status.FINISHED


def test_books_that_do_not_balance_are_told_of_and_not_counted_each_second(caplog):
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)
    Chunk.objects.filter(delivery=delivery).update(sent=2, failed=1)

    look.tick()
    look.tick()
    assert caplog.text.count("books don't balance") == 1
    Chunk.objects.filter(delivery=delivery).update(sent=3, failed=0)
    gate.look_again(delivery.pk)
    look.tick()

    assert status(delivery.pk) == Status.FINISHED


def test_a_large_one_that_is_over_is_counted_by_a_job_of_its_own(work, monkeypatch):
    monkeypatch.setattr(looks, "LARGE", 2)
    delivery = DeliveryFactory(recipients=3, sending=True)
    all_sent(delivery)

    look.tick()

    assert status(delivery.pk) == Status.SENDING
    assert django_rq.get_queue(Queue.COUNTS).job_ids == [f"see-to-{delivery.pk}"]
    work()
    assert status(delivery.pk) == Status.FINISHED


def test_a_large_one_that_was_stopped_is_cancelled_by_a_job_of_its_own(work, monkeypatch):
    monkeypatch.setattr(looks, "LARGE", 2)
    delivery = DeliveryFactory(recipients=3, paused=True)
    with_rest = copies(delivery, 1, of_delivery="status = 'stopped', ended_at = now()")[0]

    look.tick()
    assert Chunk.objects.get(delivery=with_rest).cancelled == 0
    work()

    assert Chunk.objects.get(delivery=with_rest).cancelled == 3


def test_what_was_stopped_long_ago_and_never_gone_through_is_found_within_a_minute():
    delivery = DeliveryFactory(recipients=1, sending=True)
    with_rest = copies(delivery, 1, of_delivery="status = 'stopped', ended_at = now() - interval '30 days'")[
        0
    ]
    at = clock.now().replace(second=with_rest % 60, microsecond=0)

    found = looks.due(at, ahead=gate.AHEAD)

    assert with_rest in [one.delivery_id for one in found if one.due == looks.Due.STOPPED]


@pytest.mark.django_db(transaction=True)
def test_the_tick_goes_round_a_chunk_that_a_lane_has_locked(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(recipients=4, sending=True, validity_hours=1)
    execute(
        "UPDATE deliveries_delivery SET started_at = now() - interval '2 hours' WHERE id = %s", delivery.pk
    )
    execute(
        "UPDATE deliveries_chunk SET token = 1, lease_by = 'lane', lease_until = now() + interval '1 hour'"
        " WHERE delivery_id = %s AND number = 1",
        delivery.pk,
    )

    with psycopg.connect(**exchange.connection_parameters()) as lane:
        lane.execute(
            "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s AND number = 1 FOR UPDATE", [delivery.pk]
        )
        look.tick()
        expired = Message.objects.filter(delivery=delivery, reason="expired").values_list("seq", flat=True)
        of_the_free_chunk = sorted(expired)

    assert of_the_free_chunk == [3, 4]
    assert status(delivery.pk) == Status.SENDING


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_compute_stats_of_one_holds_up_no_other_and_no_pause_of_it():
    from accounts.tests.factories import UserFactory
    from reporting.counting import statistics

    counted, other = (
        DeliveryFactory(recipients=1, sending=True),
        DeliveryFactory(recipients=1, scheduled=True),
    )
    run = statistics.ask(delivery=counted, by=UserFactory(is_superuser=True), at=clock.now())

    with psycopg.connect(database_url()) as slow:
        slow.execute("LOCK TABLE feedback_hit IN ACCESS EXCLUSIVE MODE")  # a count that takes its time
        counting = in_a_thread(lambda: statistics.compute(run_id=run.pk))
        wait_until(somebody_waits_for_a_lock, "the count waits")
        look.tick()
        control.pause(delivery=counted, by=person("start", counted.unit), at=clock.now())
        assert (status(other.pk), status(counted.pk)) == (Status.SENDING, Status.PAUSED)
        assert counting.is_alive()
        slow.rollback()
    counting.join()

    run.refresh_from_db()
    assert not run.is_open
