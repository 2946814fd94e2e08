"""The ledger of a copied database: whatever may have left elsewhere has an unknown outcome."""

from django.db import connection, transaction

from deliveries.models import MessageStatus as S

# Two statements: the second sees what was committed while the first waited for its lock. What is gated ahead
# of the clock has left from nowhere.
_LOCK_NEXT = """
    SELECT number FROM deliveries_chunk WHERE delivery_id = %(delivery)s AND number > %(above)s
        AND (not_before IS NULL OR not_before <= sinete_clock())
    ORDER BY number LIMIT 1 FOR UPDATE
"""
# The mark stays: it says what this ledger handed over. That the chunk is done keeps everybody from claiming it.
_DOUBT_CHUNK = f"""
    WITH one AS MATERIALIZED (
        SELECT number, seq_from, seq_to, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = %(number)s
    ), tries AS (
        DELETE FROM deliveries_try t USING one
        WHERE t.delivery_id = %(delivery)s AND t.seq BETWEEN one.seq_from AND one.seq_to
        RETURNING t.seq, t.token
    ), doubted AS (
        UPDATE deliveries_message m SET status = {S.IN_DOUBT}, at = sinete_clock()
        FROM one, deliveries_message old
        WHERE m.delivery_id = %(delivery)s AND m.seq BETWEEN one.seq_from AND one.seq_to
            AND m.status IN ({S.PREPARED}, {S.RETRYING})
            AND old.delivery_id = %(delivery)s AND old.seq = m.seq
        RETURNING m.seq, m.tries, old.status AS was, one.token
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, d.seq, sinete_clock(), coalesce(t.token, d.token), d.tries, d.was = {S.RETRYING}
        FROM doubted d LEFT JOIN tries t ON t.seq = d.seq
    )
    UPDATE deliveries_chunk c SET token = c.token + 1, lease_until = NULL, lease_by = ''
    FROM one WHERE c.delivery_id = %(delivery)s AND c.number = one.number
    RETURNING (SELECT count(*) FROM doubted)
"""


def doubt_rest(delivery_id: int) -> int:
    """Put every row in doubt that has no final result and whose time was reached, chunk by chunk; return how many."""
    doubted, number = 0, -1
    while (done := _doubt_next(delivery_id, above=number)) is not None:
        number, rows = done
        doubted += rows
    return doubted


@transaction.atomic
def _doubt_next(delivery_id: int, *, above: int) -> tuple[int, int] | None:
    slots = {"delivery": delivery_id, "above": above}
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR SHARE", slots)
        cursor.execute(_LOCK_NEXT, slots)
        chunk = cursor.fetchone()
        if chunk is None:
            return None
        cursor.execute(_DOUBT_CHUNK, slots | {"number": chunk[0]})
        return chunk[0], cursor.fetchone()[0]
