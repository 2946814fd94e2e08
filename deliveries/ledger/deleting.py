"""Deletes rows of a ledger, in the one place that does: of a delivery that was never released, or kept long enough."""

from collections.abc import Collection

from django.db import connection

from deliveries.models import MessageStatus as S

# Rows that refer to messages are deleted before them.
TABLES = ("try", "doubt", "sentagain", "bounce", "chunk", "moment", "message", "exclusion")
# Of a delivery that is over: its chunks and moments hold the figures, and stay.
BESIDE_MESSAGES = ("try", "doubt", "sentagain", "bounce")
AT_ONCE = 10_000  # rows of a slice

_FIRST = "SELECT min(seq) FROM deliveries_message WHERE delivery_id = %(delivery)s"
_BESIDE = "DELETE FROM deliveries_{table} WHERE delivery_id = %(delivery)s AND seq <= %(last)s"
# Whoever may have got it can still opt out by its link.
_MESSAGES = f"""
    WITH gone AS (
        DELETE FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq <= %(last)s
        RETURNING seq, profile_id, status
    ), kept AS (
        INSERT INTO deliveries_addressee (delivery_id, seq, profile_id)
        SELECT %(delivery)s, seq, profile_id FROM gone
        WHERE status NOT IN ({S.PREPARED}, {S.IGNORED}, {S.CANCELLED})
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM gone
"""
_EXCLUSIONS = """
    DELETE FROM deliveries_exclusion WHERE delivery_id = %(delivery)s AND id IN (
        SELECT id FROM deliveries_exclusion WHERE delivery_id = %(delivery)s LIMIT %(most)s
    )
"""


def delete(delivery_id: int, *, tables: Collection[str] = TABLES) -> None:
    """Delete the delivery's rows of these tables.

    The caller holds the delivery's row and has checked that it may go.
    """
    with connection.cursor() as cursor:
        for table in TABLES:
            if table in tables:
                cursor.execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", [delivery_id])


def delete_recipients(delivery_id: int, *, most: int = AT_ONCE) -> int:
    """Delete the next rows of recipients, and what stands beside them; return how many went, 0 once none is left.

    The caller holds the delivery's row, has checked that it may go, and notes in the same transaction that it went.
    """
    slots = {"delivery": delivery_id, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, slots)
        first = cursor.fetchone()[0]
        if first is None:
            cursor.execute(_EXCLUSIONS, slots)
            return cursor.rowcount
        slots["last"] = first + most - 1
        beside = 0
        for table in BESIDE_MESSAGES:
            cursor.execute(_BESIDE.format(table=table), slots)
            beside += cursor.rowcount
        cursor.execute(_MESSAGES, slots)
        return beside + cursor.fetchone()[0]
