"""Worker processes on the test database, and what they have done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psutil
from django.conf import settings as django_settings

from campaign.tests.databases import database_url
from deliveries.models import Delivery, Message, MessageStatus

LEASE = "6"  # seconds: no living lane loses its lease beside much other work, and a dead one's is waited for


@contextmanager
def manage(*command: str, **environment: str) -> Iterator[subprocess.Popen]:
    """A process of its own on the test's database, gone at the end with its children."""
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "RELAY_URL": django_settings.RELAY_URL,
        "SINETE_TESTING": "1",
        "SINETE_LEASE_SECONDS": LEASE,
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        env=env,
        cwd=django_settings.BASE_DIR,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        kill_with_children(process)


def worker(*queues: str, **environment: str) -> AbstractContextManager[subprocess.Popen]:
    """A worker of these queues."""
    return manage("rqworker", *queues, "--verbosity", "0", **environment)


def horses(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes in which the worker has its jobs done."""
    return psutil.Process(process.pid).children()


def kill_with_children(process: subprocess.Popen) -> None:
    """Kill the process and what it started, without a word; nothing where it has ended already."""
    if process.poll() is not None:
        return
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        parent.suspend()  # or it would start another in the place of one that it saw die
        for each in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):  # a child may just have come to its end
                each.kill()
    process.wait()


def sent(delivery: Delivery) -> int:
    """How many messages of the delivery are sent."""
    return Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).count()
