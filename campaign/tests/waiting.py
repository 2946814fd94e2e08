"""Wait for a condition, never for time."""

import time
from collections.abc import Callable

from django.db import connection

PATIENCE = 60


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; fail, naming `what`, after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        select_nothing()


def select_nothing() -> None:
    """Give the others a moment, in the database's own time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05)")


def somebody_waits_for_a_lock() -> bool:
    """Whether a session of the database server waits for a lock that another holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]
