"""Wait for a condition, never for time."""

import time
from collections.abc import Callable

from django.db import connection

PATIENCE = 180


def wait_until(condition: Callable[[], bool], what: str, *, every: float = 0.05) -> None:
    """Return once the condition holds, looked at `every` so many seconds; fail, naming `what`, after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        select_nothing(every)


def select_nothing(seconds: float = 0.05) -> None:
    """Give the others a moment, in the database's own time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def somebody_waits_for_a_lock() -> bool:
    """Whether a session of the database server waits for a lock that another holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]
