"""The one clock: PostgreSQL's. Gates, leases and pages read it, so hosts need not agree among themselves.

`sinete_now()` is the moment the transaction began, `sinete_clock()` the moment it is called. Both add an
offset for rehearsals and tests, which a session sees only if it was allowed at connecting (DEBUG on).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import DateTimeField, Func

_ASLEEP_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds of this machine since some moment: nobody sets them, and time asleep counts, where the system knows."""
    return time.clock_gettime(_ASLEEP_TOO)


def now() -> datetime:
    """The database's time, aware, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sinete_clock()")
        return cursor.fetchone()[0]


class Reading(Func):
    """The database's time when a statement is carried out: what a row is written with, without asking for it first."""

    function = "sinete_clock"
    template = "%(function)s()"
    output_field = DateTimeField()


def set_offset(offset: timedelta) -> None:
    """Shift the clock of every session that may see the offset; refused by PostgreSQL otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sinete_set_clock_offset(make_interval(secs => %s))", [offset.total_seconds()])


@contextmanager
def shifted(offset: timedelta) -> Iterator[None]:
    """Shift the clock for the length of a block."""
    set_offset(offset)
    try:
        yield
    finally:
        set_offset(timedelta())
