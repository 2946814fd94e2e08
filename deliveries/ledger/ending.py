"""Rows that must not leave any more: cancelled by a stop, or failed because their validity period is over."""

from django.conf import settings
from django.db import connection, transaction

from deliveries.models import Delivery, MessageStatus
from deliveries.models import MessageStatus as S

CANCEL_CHUNK = f"""
    WITH one AS MATERIALIZED (
        SELECT number, seq_from, seq_to, handed_upto FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number > %(above)s
            AND NOT done AND cancelled = 0 AND handed_upto < seq_to
        ORDER BY number LIMIT 1 FOR UPDATE
    ), rows AS (
        UPDATE deliveries_message m SET status = {S.CANCELLED}, at = sinete_clock()
        FROM one c
        WHERE m.delivery_id = %(delivery)s AND m.seq > c.handed_upto AND m.seq <= c.seq_to AND m.status = {S.PREPARED}
        RETURNING m.seq
    )
    SELECT one.number, (SELECT count(*) FROM rows) FROM one
"""
# Two statements: the second sees what was committed while the first waited for its lock.
LOCK_NEXT_CHUNK_OF_TRIES = """
    SELECT c.number FROM deliveries_chunk c
    WHERE c.delivery_id = %(delivery)s AND c.number > %(above)s
        AND (NOT %(only_overdue)s OR deliveries_valid_until(c.delivery_id, c.not_before) < sinete_clock())
        AND EXISTS (
        SELECT 1 FROM deliveries_try t WHERE t.delivery_id = %(delivery)s AND NOT t.handed
            AND t.seq BETWEEN c.seq_from AND c.seq_to
    ) ORDER BY c.number LIMIT 1 FOR UPDATE
"""
# The same for a chunk whose validity period is over: what was never handed over has failed, unsent. The mark stays
# where it is, as it says what was handed over. The chunk is done, whatever it held, so nobody claims it and nobody
# comes back to it: a row below the mark that nobody holds and that has no result is in doubt.
EXPIRE_CHUNK = f"""
    WITH one AS MATERIALIZED (
        SELECT c.number, c.seq_from, c.seq_to, c.handed_upto, c.token
        FROM deliveries_chunk c JOIN deliveries_delivery d ON d.id = c.delivery_id
        WHERE c.delivery_id = %(delivery)s AND NOT c.done AND c.lease_until IS NULL AND c.handed_upto < c.seq_to
            AND greatest(d.started_at, c.not_before) + make_interval(hours => d.validity_hours) <= sinete_clock()
            -- A held wave and those behind it wait for a person, and then have a time of their own.
            AND NOT EXISTS (
                SELECT 1 FROM deliveries_moment m
                WHERE m.delivery_id = c.delivery_id AND m.number <= c.moment
                    AND m.held_at IS NOT NULL AND m.released_at IS NULL
            )
        ORDER BY c.number LIMIT 1 FOR UPDATE OF c
    ), rows AS (
        UPDATE deliveries_message m
        SET status = CASE WHEN m.seq > c.handed_upto THEN {S.FAILED} ELSE {S.IN_DOUBT} END, at = sinete_clock(),
            reason = CASE WHEN m.seq > c.handed_upto THEN 'expired' ELSE m.reason END,
            nature = CASE WHEN m.seq > c.handed_upto THEN 'soft' ELSE m.nature END
        FROM one c
        WHERE m.delivery_id = %(delivery)s AND m.seq BETWEEN c.seq_from AND c.seq_to AND m.status = {S.PREPARED}
        RETURNING m.seq, m.tries, m.status, c.token
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, false FROM rows WHERE status = {S.IN_DOUBT}
    )
    UPDATE deliveries_chunk c SET token = c.token + 1
    FROM one WHERE c.delivery_id = %(delivery)s AND c.number = one.number
    RETURNING (SELECT count(*) FROM rows WHERE status = {S.FAILED})
"""
END_TRIES = f"""
    WITH ended AS (
        DELETE FROM deliveries_try t USING deliveries_chunk c
        WHERE c.delivery_id = %(delivery)s AND c.number = %(number)s AND t.delivery_id = %(delivery)s
            AND NOT t.handed AND t.seq BETWEEN c.seq_from AND c.seq_to
        RETURNING t.seq, t.token, t.tries, coalesce(t.doubted_at, (
            -- A second hand-over that was in doubt and then answered late has a try without the date.
            SELECT a.since FROM deliveries_sentagain a WHERE a.delivery_id = t.delivery_id AND a.seq = t.seq
        )) AS doubted_at
    ), judged AS (
        SELECT *, doubted_at IS NULL AS plain FROM ended
    ), rows AS (
        UPDATE deliveries_message m
        SET status = CASE WHEN e.plain THEN %(status)s ELSE {S.IN_DOUBT} END, at = sinete_clock(),
            reason = CASE WHEN %(status)s = {S.FAILED} AND e.plain THEN 'expired' ELSE m.reason END,
            nature = CASE WHEN %(status)s = {S.FAILED} AND e.plain THEN 'soft' ELSE m.nature END
        FROM judged e WHERE m.delivery_id = %(delivery)s AND m.seq = e.seq AND m.status = {S.RETRYING}
        RETURNING m.seq, e.token, e.tries AS before, e.doubted_at, e.plain
    ), doubted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, doubted_at, token, before, true FROM rows WHERE NOT plain
    )
    SELECT count(*) FROM rows
"""


def cancel_rest(delivery_id: int) -> int:
    """Cancel the rows of a stopped delivery that no lane has in hand, chunk by chunk; return how many.

    Each chunk has a transaction of its own, so a call that ended half-way is carried on by the next one.
    """
    cancelled, number = 0, -1
    while (step := _cancel_next_chunk(delivery_id, above=number)) is not None:
        number, in_this_chunk = step
        cancelled += in_this_chunk
    # Last, so that a chunk with cancelled rows is always one that was gone through.
    return cancelled + end_tries(delivery_id, MessageStatus.CANCELLED)


@transaction.atomic
def _cancel_next_chunk(delivery_id: int, *, above: int) -> tuple[int, int] | None:
    with connection.cursor() as cursor:
        cursor.execute(CANCEL_CHUNK, {"delivery": delivery_id, "above": above})
        return cursor.fetchone()


def expire_overdue(delivery_id: int) -> int:
    """Fail the rows that did not leave before their validity period was over, later tries too, chunk by chunk."""
    expired = 0
    while (in_this_chunk := _expire_next_chunk(delivery_id)) is not None:
        expired += in_this_chunk
    return expired + end_tries(delivery_id, MessageStatus.FAILED, only_overdue=True)


@transaction.atomic
def _expire_next_chunk(delivery_id: int) -> int | None:
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE_CHUNK, slots)
        row = cursor.fetchone()
    return None if row is None else row[0]


def end_tries(delivery_id: int, status: MessageStatus, *, only_overdue: bool = False) -> int:
    """End the later tries that no lane has in hand: cancelled, or failed where the validity period is over.

    A message that was in doubt before a person had it sent again is in doubt once more. Each chunk has a transaction
    of its own. Return how many were ended.
    """
    ended, number = 0, 0
    while (
        step := _end_tries_of_next_chunk(delivery_id, status, above=number, only_overdue=only_overdue)
    ) is not None:
        number, in_this_chunk = step
        ended += in_this_chunk
    return ended


@transaction.atomic
def _end_tries_of_next_chunk(
    delivery_id: int, status: MessageStatus, *, above: int, only_overdue: bool
) -> tuple[int, int] | None:
    slots = {"delivery": delivery_id, "status": int(status), "above": above, "only_overdue": only_overdue}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_NEXT_CHUNK_OF_TRIES, slots)
        chunk = cursor.fetchone()
        if chunk is None:
            return None
        cursor.execute(END_TRIES, slots | {"number": chunk[0]})
        return chunk[0], cursor.fetchone()[0]


@transaction.atomic
def end_queue(delivery_id: int, domains: list[str]) -> int:
    """Make later tries that queued for these domains due now; return how many.

    Those that were refused wait as before.
    """
    # Nobody who was refused waits longer than the last step: what is due later than that is in the queue.
    longest = max(settings.SINETE["retry_seconds"])
    Delivery.objects.locked(delivery_id)  # lanes wait, so nobody else locks tries meanwhile
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_try t SET due_at = sinete_clock() FROM deliveries_message m"
            " WHERE t.delivery_id = %(delivery)s AND NOT t.handed AND t.due_at > sinete_clock()"
            " AND (t.tries = 0 OR t.due_at > sinete_clock() + make_interval(secs => %(longest)s))"
            " AND m.delivery_id = %(delivery)s AND m.seq = t.seq"
            " AND split_part(m.address_key, '@', -1) = ANY(%(domains)s)",
            {"delivery": delivery_id, "domains": domains, "longest": longest},
        )
        return cursor.rowcount
