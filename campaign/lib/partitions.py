"""Tables that lie in partitions: what there is, one more beside those who read and write, and waiting for nobody long.

No table here has a default partition: attaching beside one would lock and read it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

T = TypeVar("T")
# Who asks for the table while this waits for somebody waits behind it: so long at most, and then they go first.
PATIENCE = "SET LOCAL lock_timeout = '500ms'"
PAUSES = (0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 5.0, 5.0)  # seconds between two tries
# What is asked of the catalogue alone waits for nobody who has a partition locked: the bounds name no column, so they
# are read without their table. A size waits.
_ALL = """
    SELECT c.relname, pg_get_expr(c.relpartbound, 0), greatest(c.reltuples, 0)::bigint,
        CASE WHEN %s THEN pg_total_relation_size(c.oid) ELSE 0 END
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass
"""
# LIKE leaves it out. Where nothing was said PostgreSQL has -1, or from 17 on nothing.
_LOOKED_AT = """
    SELECT attname, attstattarget FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0
"""


@dataclass(frozen=True)
class Part:
    """A partition as PostgreSQL tells of it: `rows` about, as it counted last; `octets` with indexes, 0 unmeasured."""

    name: str
    bounds: str  # FOR VALUES FROM (…) TO (…), or DEFAULT
    rows: int
    octets: int


def parts(table: str, *, measured: bool = True) -> list[Part]:
    """All partitions of the table, in no order. Their sizes are measured once nobody has them locked."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL, [measured, table])
        return [Part(*row) for row in cursor.fetchall()]


def patiently(change: Callable[[], T], *, pauses: Sequence[float] = PAUSES) -> T:
    """Make the change, a transaction that begins with PATIENCE, as soon as nobody holds its tables.

    Raise the OperationalError of the last try where somebody does for all that time.
    """
    left = iter(pauses)
    while True:
        try:
            return change()
        except OperationalError as error:
            pause = next(left, None) if isinstance(error.__cause__, LockNotAvailable) else None
            if pause is None:
                raise
        time.sleep(pause)


@transaction.atomic
def make(
    table: str, name: str, *, bounds: tuple[Any, Any], is_wanted: Callable[[], bool], options: str = ""
) -> bool:
    """The table has a partition of this name for values from the first bound up to the second; False: it had one.

    `is_wanted` is asked once nobody else can make any. Made alone and attached then, it holds up nobody who reads or
    writes. `options` are those of the new table: none is taken over from others. The planner knows as much of its
    columns as of the table's.
    """
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        cursor.execute(f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE")
        if not is_wanted():
            return False
        cursor.execute(
            f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING IDENTITY)"
            + (f" WITH ({options})" if options else "")
        )
        cursor.execute(_LOOKED_AT, [table])
        for column, rows in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {name} ALTER COLUMN "{column}" SET STATISTICS {rows}')
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", bounds)
    return True


def drop(table: str, name: str) -> None:
    """The partition and its rows are gone; in the caller's transaction, which began with PATIENCE.

    Until that ends nobody reads or writes the table. Its files go after that.
    """
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE {table} DETACH PARTITION "{name}"')
        cursor.execute(f'DROP TABLE "{name}"')
