"""What PostgreSQL's planner believes of tables."""

from django.db import connection

MANY = 1_000  # fewer are no trouble to a planner that does not know of them


def rows_came(number: int, *tables: str) -> None:
    """Let the planner know that so many rows just came: by itself PostgreSQL counts them up to a minute later.

    Until then it may take a large table for an empty one, and compare each row with all. A table that somebody
    else counts or changes at this moment is passed over; so is one of which this user may not (with a warning).
    """
    if number < MANY:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(map(connection.ops.quote_name, tables))}")
