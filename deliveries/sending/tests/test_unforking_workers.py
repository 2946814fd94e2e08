"""A worker that does not fork ticks on after a lost connection or a tick that hangs."""

import subprocess
from contextlib import AbstractContextManager
from dataclasses import replace

import django_rq
import psycopg
import pytest
from django.db import connection

from campaign.tests.databases import database_url
from campaign.tests.waiting import wait_until
from deliveries import queues
from deliveries.models import Delivery, Status
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.workers import horses, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.waits]


def steady(*queues_heard: str) -> AbstractContextManager[subprocess.Popen]:
    return worker(*queues_heard, "--worker-class", "campaign.workers.SteadyWorker")


def begun(delivery: Delivery) -> bool:
    delivery.refresh_from_db()
    return delivery.status == Status.SENDING


def until_begun(delivery: Delivery) -> None:
    """By ticks of another process alone."""

    def is_begun() -> bool:
        if not django_rq.get_queue("tick").count:
            queues.TICK.enqueue_now()
        return begun(delivery)

    wait_until(is_begun, "it has begun")


def cut_everybody_off() -> None:
    """As when PostgreSQL goes away: all connections but the test's own are gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_worker_that_does_not_fork_ticks_on_after_its_connection_was_lost():
    with steady("tick") as only:
        until_begun(DeliveryFactory(scheduled=True, recipients=1))
        cut_everybody_off()
        until_begun(DeliveryFactory(scheduled=True, recipients=1))
        assert only.poll() is None
        assert horses(only) == []


def test_a_worker_that_does_not_fork_gives_up_a_tick_that_hangs_and_ticks_on():
    delivery = DeliveryFactory(scheduled=True, recipients=1)
    short = replace(queues.TICK, timeout=1)

    with steady("tick"), psycopg.connect(database_url()) as holder:
        holder.execute("LOCK TABLE deliveries_series IN ACCESS EXCLUSIVE MODE")
        hung = short.enqueue_now()
        wait_until(lambda: hung.get_status() == "failed", "the tick that hung was given up")
        holder.rollback()
        until_begun(delivery)
