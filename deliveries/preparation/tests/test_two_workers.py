"""Two workers at one preparation: one seals, all of it, and each statement can be stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from campaign.lib import clock, leases
from campaign.tests.databases import database_url
from campaign.tests.waiting import wait_until
from deliveries.models import LogLine, Message, Preparation, PreparationStatus, Status
from deliveries.preparation import lease, staging
from deliveries.preparation import verbs as preparation
from deliveries.preparation.tests.staging_rows import fetch, started
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute

pytestmark = pytest.mark.django_db
two_workers = pytest.mark.django_db(transaction=True)


@contextmanager
def nobody_seals() -> Iterator[Callable[[], None]]:
    """Whoever is about to write a ledger waits, until the block is over or what it yields is called."""
    with psycopg.connect(database_url()) as gate_keeper:
        gate_keeper.execute("LOCK TABLE deliveries_try IN ACCESS EXCLUSIVE MODE")
        yield gate_keeper.rollback
        gate_keeper.rollback()


@contextmanager
def worker(run: Preparation) -> Iterator[threading.Thread]:
    """Carries the preparation out, on a connection of its own."""

    def carry_out() -> None:
        try:
            preparation.run(preparation_id=run.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=carry_out)
    thread.start()
    yield thread
    thread.join()


def about_to_seal() -> list[int]:
    """The server's processes of those who wait to write a ledger."""
    return [
        pid
        for (pid,) in fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sinete preparation%'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        )
    ]


def let_the_lease_run_out(run: Preparation) -> None:
    Preparation.objects.filter(pk=run.pk).update(lease_until=clock.now())


@pytest.fixture
def no_beat(monkeypatch):
    """As if the worker were frozen: its lease is not renewed by itself."""
    monkeypatch.setattr(leases, "BEAT", 600.0)


def staged() -> list[tuple[int, int]]:
    """How many rows each token has in staging."""
    return fetch("SELECT token, count(*) FROM deliveries_staging GROUP BY 1 ORDER BY 1")


@two_workers
def test_of_two_workers_the_second_seals_all_though_the_first_was_cut_off_and_came_back(no_beat):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)

    with nobody_seals() as let_them_seal, worker(run) as first:
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        cut_off = about_to_seal()[0]
        let_the_lease_run_out(run)
        with worker(run):
            wait_until(lambda: len(about_to_seal()) == 2, "the second is about to seal")
            execute("SELECT pg_terminate_backend(%s)", cut_off)
            wait_until(lambda: not first.is_alive(), "the first has ended")
            assert staged() == [(2, 5)]
            let_them_seal()

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5


@two_workers
def test_of_two_workers_that_seal_at_the_same_time_the_one_that_took_over_does(no_beat):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)

    with nobody_seals() as let_them_seal, worker(run):
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        let_the_lease_run_out(run)
        with worker(run):
            wait_until(lambda: len(about_to_seal()) == 2, "the second is about to seal")
            let_them_seal()

    sealed = Preparation.objects.get(pk=run.pk)
    assert (sealed.status, sealed.token, staged()) == (PreparationStatus.DONE, 2, [])
    assert Message.objects.filter(delivery=delivery).count() == 5
    assert not LogLine.objects.filter(level=LogLine.Level.ERROR).exists()


@two_workers
def test_a_lease_is_renewed_while_a_statement_takes_its_time_and_a_second_worker_leaves_it_alone(monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.05)
    run = started(DeliveryFactory())

    with nobody_seals() as let_them_seal, worker(run):
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        preparation.run(preparation_id=run.pk)

        assert Preparation.objects.get(pk=run.pk).token == 1
        let_them_seal()

    assert Preparation.objects.get(pk=run.pk).status == PreparationStatus.DONE


@two_workers
def test_stopping_cancels_the_statement_that_is_under_way():
    delivery = DeliveryFactory()
    run = started(delivery)

    with nobody_seals(), worker(run) as first:
        wait_until(lambda: len(about_to_seal()) == 1, "it is about to seal")
        preparation.stop(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
        wait_until(lambda: not first.is_alive(), "it has ended")

    delivery.refresh_from_db()
    assert (delivery.status, staged()) == (Status.DRAFT, [])
    assert not Message.objects.filter(delivery=delivery).exists()


@two_workers
def test_a_preparation_needs_no_connection_for_longer_than_a_transaction(monkeypatch):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    for module, step in ((staging, "mark_duplicates"), (staging, "count_causes"), (staging, "count_domains")):
        monkeypatch.setattr(module, step, on_another_connection(getattr(module, step)))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert Message.objects.filter(delivery=delivery).count() == 5


def on_another_connection(step: Callable) -> Callable:
    def step_after_closing(*args: object, **named: object) -> object:
        connection.close()
        return step(*args, **named)

    return step_after_closing


def test_the_name_by_which_a_statement_is_cancelled_ends_with_its_transaction(transactional_db):
    run = started(DeliveryFactory())

    with lease.statement(run):
        assert fetch("SHOW application_name") == [(f"sinete preparation {run.pk}",)]

    assert fetch("SHOW application_name") == [("",)]
