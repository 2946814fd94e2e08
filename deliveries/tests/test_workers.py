"""Real worker processes: killed in mid-send, told to stop, with the queue wiped under them."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import django_rq
import psutil
import pytest
from django.conf import settings as django_settings
from django.db import connection

from deliveries import jobs
from deliveries.models import Delivery, Doubt, Message, MessageStatus, Status
from deliveries.sending import recovery
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        select_nothing()


def select_nothing() -> None:
    """Give the others a moment, in the database's own time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05)")


def database_url() -> str:
    database = connection.settings_dict
    return (
        f"postgresql://{quote(database['USER'])}:{quote(database['PASSWORD'] or '')}@/{quote(database['NAME'])}"
        f"?host={quote(str(database['HOST'] or database['OPTIONS'].get('host', '')), safe='')}"
        f"&port={database['PORT'] or 5432}"
    )


@contextmanager
def worker(*queues: str, **environment: str) -> Iterator[subprocess.Popen]:
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "RELAY_URL": django_settings.RELAY_URL,
        "SINETE_TESTING": "1",
        "SINETE_LEASE_SECONDS": "2",
        **environment,
    }
    command = [sys.executable, "manage.py", "rqworker", *queues, "--verbosity", "0"]
    process = subprocess.Popen(command, env=env, cwd=django_settings.BASE_DIR, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        for child in (
            [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
        ):
            child.kill()
        process.kill()
        process.wait()


def sent(delivery: Delivery) -> int:
    return Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).count()


def until_over(delivery: Delivery) -> None:
    def is_over() -> bool:
        jobs.tick()
        delivery.refresh_from_db()
        return delivery.status == Status.FINISHED

    wait_until(is_over, "the delivery is finished")


def assert_exact(delivery: Delivery, relay) -> None:
    """Ledger and receiver agree, recipient by recipient; what is in doubt may be on either side."""
    received = Counter(relay.recipients())
    assert not [address for address, times in received.items() if times > 1]
    rows = Message.objects.filter(delivery=delivery)
    assert set(rows.filter(status=MessageStatus.SENT).values_list("address", flat=True)) <= set(received)
    accounted = set(rows.exclude(status=MessageStatus.PREPARED).values_list("address", flat=True))
    assert set(received) <= accounted
    assert recovery.imbalance(delivery) == {}


def test_a_worker_killed_in_mid_send_loses_nobody_and_repeats_nobody(relay):
    relay.delay = 0.02
    delivery = DeliveryFactory(scheduled=True, recipients=600)
    jobs.tick()

    with worker("send") as first:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        for process in [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]:
            process.kill()
    relay.delay = 0
    with worker("send", SINETE_LEASE_SECONDS="2"):
        until_over(delivery)

    assert_exact(delivery, relay)
    assert Doubt.objects.filter(delivery=delivery).count() <= 2 * 250


def test_a_worker_told_to_stop_drains_and_leaves_no_doubt(relay):
    relay.delay = 0.02
    delivery = DeliveryFactory(scheduled=True, recipients=600)
    jobs.tick()

    with worker("send") as first:
        wait_until(lambda: sent(delivery) > 50, "the send is under way")
        first.send_signal(signal.SIGTERM)
        first.wait(timeout=10)
    assert 50 < sent(delivery) < 600
    assert not Doubt.objects.filter(delivery=delivery).exists()
    relay.delay = 0
    with worker("send"):
        until_over(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 600


def test_a_queue_wiped_in_mid_send_only_delays(relay):
    relay.delay = 0.01
    delivery = DeliveryFactory(scheduled=True, recipients=400)
    jobs.tick()

    with worker("send", SINETE_LANE_SECONDS="1"):
        wait_until(lambda: sent(delivery) > 20, "the send is under way")
        django_rq.get_connection("default").flushdb()
        relay.delay = 0
        until_over(delivery)

    assert_exact(delivery, relay)
    assert len(relay.recipients()) == 400
