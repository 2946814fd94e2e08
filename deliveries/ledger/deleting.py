"""Deletes the ledger of a delivery that was never released: the one place where its rows are deleted."""

from collections.abc import Collection

from django.db import connection

# Rows that refer to messages are deleted before them.
TABLES = ("try", "doubt", "sentagain", "bounce", "chunk", "moment", "message", "exclusion")


def delete(delivery_id: int, *, tables: Collection[str] = TABLES) -> None:
    """Delete the delivery's rows of these tables.

    The caller holds the delivery's row and has checked that it may go.
    """
    with connection.cursor() as cursor:
        for table in TABLES:
            if table in tables:
                cursor.execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", [delivery_id])
