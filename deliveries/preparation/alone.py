"""One worker at a time carries a preparation out, and its statement can be found to be cancelled."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def only_one(preparation_id: int) -> Iterator[bool]:
    """Hold the preparation's advisory lock; it goes with the connection, so a dead worker holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_SPACE, preparation_id % 2**31])
        mine = cursor.fetchone()[0]
        if mine:
            cursor.execute(
                "SELECT set_config('application_name', %s, false)", [_session_name(preparation_id)]
            )
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_SPACE, preparation_id % 2**31])
                cursor.execute("SELECT set_config('application_name', '', false)")


_LOCK_SPACE = 0x51E7


def _session_name(preparation_id: int) -> str:
    return f"sinete preparation {preparation_id}"


def cancel_statement(preparation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()",
            [_session_name(preparation_id)],
        )
