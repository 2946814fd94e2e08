"""What PostgreSQL's planner believes of tables."""

from django.db import connection

MANY = 1_000  # fewer are no trouble to a planner that does not know of them


def rows_came(number: int, *tables: str, alone: bool = False) -> None:
    """Let the planner know that so many rows just came: by itself PostgreSQL counts them up to a minute later.

    Until then it may take a large table for an empty one, and compare each row with all. A table that somebody
    else counts or changes at this moment is passed over; so is one of which this user may not (with a warning).
    `alone`: none of their partitions is counted for itself (from PostgreSQL 18 on).
    """
    if number < MANY:
        return
    with connection.cursor() as cursor:
        only = "ONLY " if alone else ""
        names = ", ".join(only + connection.ops.quote_name(table) for table in tables)
        cursor.execute(f"ANALYZE (SKIP_LOCKED) {names}")


def known_rows(table: str) -> int:
    """Return how many rows PostgreSQL counted when it last looked, 0 where it never did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass", [table]
        )
        return int(cursor.fetchone()[0])


def server_version() -> int:
    """Return PostgreSQL's version as it numbers it: 180_000 is 18.0."""
    with connection.cursor() as cursor:
        return int(cursor.connection.info.server_version)
