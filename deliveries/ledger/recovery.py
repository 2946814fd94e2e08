"""What happens to rows whose worker is gone, whose outcome nobody knows, or that must not leave any more.

These are ordinary transactions on Django's connection. Lock order: chunks by number, later tries, messages. None
locks the delivery: its chunks and tries say what a lane holds, and these are locked.
"""

import socket
from typing import Any

from django.db import connection, transaction

from deliveries.models import MessageStatus as S

RECLAIM_CHUNKS = f"""
    WITH expired AS MATERIALIZED (
        SELECT number, seq_from, seq_to, handed_upto, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND NOT done
            AND (lease_until < sinete_clock() OR (lease_until IS NULL AND (handed_upto >= seq_to OR cancelled > 0)))
        ORDER BY number FOR UPDATE SKIP LOCKED
    ), doubted AS (
        UPDATE deliveries_message m SET status = {S.IN_DOUBT}, at = sinete_clock()
        FROM expired e
        WHERE m.delivery_id = %(delivery)s AND m.seq BETWEEN e.seq_from AND e.handed_upto AND m.status = {S.PREPARED}
        RETURNING m.seq, m.tries, e.token
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, false FROM doubted
    ), freed AS (
        UPDATE deliveries_chunk c SET lease_until = NULL, lease_by = '', token = c.token + 1
        FROM expired e WHERE c.delivery_id = %(delivery)s AND c.number = e.number
    )
    SELECT count(*) FROM doubted
"""

LOCK_CHUNKS_OF_EXPIRED_TRIES = """
    SELECT c.number FROM deliveries_chunk c
    WHERE c.delivery_id = %(delivery)s AND EXISTS (
        SELECT 1 FROM deliveries_try t WHERE t.delivery_id = %(delivery)s AND t.handed
            AND t.lease_until < sinete_clock() AND t.seq BETWEEN c.seq_from AND c.seq_to
    ) ORDER BY c.number FOR UPDATE SKIP LOCKED
"""

RECLAIM_TRIES = f"""
    WITH expired AS (
        DELETE FROM deliveries_try t USING deliveries_chunk c
        WHERE c.delivery_id = %(delivery)s AND c.number = ANY(%(numbers)s)
            AND t.delivery_id = %(delivery)s AND t.seq BETWEEN c.seq_from AND c.seq_to
            AND t.handed AND t.lease_until < sinete_clock()
        RETURNING t.seq, t.token, t.tries
    ), doubted AS (
        UPDATE deliveries_message m SET status = {S.IN_DOUBT}, at = sinete_clock()
        FROM expired e WHERE m.delivery_id = %(delivery)s AND m.seq = e.seq AND m.status = {S.RETRYING}
        RETURNING m.seq, e.token, e.tries
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, true FROM doubted
    )
    SELECT count(*) FROM doubted
"""


def reclaim(delivery_id: int) -> int:
    """Put in doubt what was handed over under a lease that ran out; the rest may be claimed again. Return how many.

    A late result of the same hand-over may still resolve these doubts. Locks are not waited for: a chunk that is
    locked now is seen to by the next call.
    """
    return _reclaim_chunks(delivery_id) + _reclaim_tries(delivery_id)


@transaction.atomic
def _reclaim_chunks(delivery_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(RECLAIM_CHUNKS, {"delivery": delivery_id})
        return cursor.fetchone()[0]


@transaction.atomic
def _reclaim_tries(delivery_id: int) -> int:
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_CHUNKS_OF_EXPIRED_TRIES, slots)
        numbers = [row[0] for row in cursor.fetchall()]
        if not numbers:
            return 0
        cursor.execute(RECLAIM_TRIES, slots | {"numbers": numbers})
        return cursor.fetchone()[0]


END_LEASES = """
    WITH held AS MATERIALIZED (
        SELECT number FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND NOT done AND lease_until > sinete_clock()
            AND split_part(lease_by, '.', 1) || '.' || %(lane)s = lease_by
        ORDER BY number FOR UPDATE
    ), held_tries AS MATERIALIZED (
        SELECT seq FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND handed AND lease_until > sinete_clock()
            AND split_part(lease_by, '.', 1) || '.' || %(lane)s = lease_by
        FOR UPDATE SKIP LOCKED  -- whoever has one locked is a lane that lives
    ), tries AS (
        UPDATE deliveries_try t SET lease_until = sinete_clock() - interval '1 millisecond'
        FROM held_tries h WHERE t.delivery_id = %(delivery)s AND t.seq = h.seq
    )
    UPDATE deliveries_chunk c SET lease_until = sinete_clock() - interval '1 millisecond'
    FROM held WHERE c.delivery_id = %(delivery)s AND c.number = held.number
"""


def lane_of(job_id: str, pid: int) -> str:
    """Return the part of a lane's name that the worker which forked it knows: its job, its process, this host."""
    return f"{job_id[-12:]}:{pid}@{socket.gethostname()}"


@transaction.atomic
def end_leases(delivery_id: int, *, lane: str) -> None:
    """End the leases of a lane whose process has ended, as its worker saw: the next tick takes over what it held.

    It is safe even where the lane lives on: the reclaim raises the token, so the lane is fenced at its next exchange,
    hands over nothing more, and its late answers settle the doubts that were made of them.
    """
    slots: dict[str, Any] = {"delivery": delivery_id, "lane": lane}
    with connection.cursor() as cursor:
        cursor.execute(END_LEASES, slots)
