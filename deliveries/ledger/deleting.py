"""The ledger of a delivery that was never released is gone: the one place where its rows are deleted."""

from collections.abc import Collection

from django.db import connection

# What hangs on messages goes before them.
TABLES = ("try", "doubt", "sentagain", "bounce", "chunk", "moment", "message", "exclusion")


def delete(delivery_id: int, *, tables: Collection[str] = TABLES) -> None:
    """Nothing is left in these tables of the delivery; the caller holds its row, and knows that it may."""
    with connection.cursor() as cursor:
        for table in TABLES:
            if table in tables:
                cursor.execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", [delivery_id])
