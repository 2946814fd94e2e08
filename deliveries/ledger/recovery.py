"""What happens to rows whose worker is gone, whose outcome nobody knows, or that must not leave any more.

Ordinary transactions on Django's connection; lock order: chunks by number, later tries, messages. None locks the
delivery: what a lane holds is told by its chunks and tries, and these are locked.
"""

import json
import socket
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from deliveries.models import Delivery, MessageStatus

RECLAIM_CHUNKS = """
    WITH expired AS MATERIALIZED (
        SELECT number, seq_from, seq_to, handed_upto, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND NOT done
            AND (lease_until < sinete_clock() OR (lease_until IS NULL AND (handed_upto >= seq_to OR cancelled > 0)))
        ORDER BY number FOR UPDATE SKIP LOCKED
    ), doubted AS (
        UPDATE deliveries_message m SET status = 4, at = sinete_clock()
        FROM expired e
        WHERE m.delivery_id = %(delivery)s AND m.seq BETWEEN e.seq_from AND e.handed_upto AND m.status = 0
        RETURNING m.seq, m.tries, e.number, e.token
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, false FROM doubted
    ), counted AS (
        SELECT e.number, count(d.seq) AS n FROM expired e LEFT JOIN doubted d ON d.number = e.number GROUP BY 1
    )
    UPDATE deliveries_chunk c
    SET lease_until = NULL, lease_by = '', token = c.token + 1, in_doubt = c.in_doubt + counted.n,
        done = c.sent + c.failed + c.retrying + c.in_doubt + c.ignored + c.cancelled + counted.n
            = c.seq_to - c.seq_from + 1
    FROM counted WHERE c.delivery_id = %(delivery)s AND c.number = counted.number
    RETURNING counted.n
"""

LOCK_CHUNKS_OF_EXPIRED_TRIES = """
    SELECT c.number FROM deliveries_chunk c
    WHERE c.delivery_id = %(delivery)s AND EXISTS (
        SELECT 1 FROM deliveries_try t WHERE t.delivery_id = %(delivery)s AND t.handed
            AND t.lease_until < sinete_clock() AND t.seq BETWEEN c.seq_from AND c.seq_to
    ) ORDER BY c.number FOR UPDATE SKIP LOCKED
"""

RECLAIM_TRIES = """
    WITH expired AS (
        DELETE FROM deliveries_try t USING deliveries_chunk c
        WHERE c.delivery_id = %(delivery)s AND c.number = ANY(%(numbers)s)
            AND t.delivery_id = %(delivery)s AND t.seq BETWEEN c.seq_from AND c.seq_to
            AND t.handed AND t.lease_until < sinete_clock()
        RETURNING t.seq, t.token, t.tries
    ), doubted AS (
        UPDATE deliveries_message m SET status = 4, at = sinete_clock()
        FROM expired e WHERE m.delivery_id = %(delivery)s AND m.seq = e.seq AND m.status = 3
        RETURNING m.seq, e.token, e.tries
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, true FROM doubted
    ), counted AS (
        SELECT c.number, count(*) AS n FROM doubted d JOIN deliveries_chunk c
            ON c.delivery_id = %(delivery)s AND d.seq BETWEEN c.seq_from AND c.seq_to GROUP BY 1
    )
    UPDATE deliveries_chunk c SET in_doubt = c.in_doubt + counted.n, retrying = c.retrying - counted.n
    FROM counted WHERE c.delivery_id = %(delivery)s AND c.number = counted.number
    RETURNING counted.n
"""


def reclaim(delivery_id: int) -> int:
    """What was handed over under a lease that ran out is in doubt; the rest may be claimed again.

    Returns how many rows that put in doubt. A late result of the same hand-over may still resolve them.
    It waits for nobody: a chunk that somebody has locked at this moment is looked at next time.
    """
    return _reclaim_chunks(delivery_id) + _reclaim_tries(delivery_id)


@transaction.atomic
def _reclaim_chunks(delivery_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(RECLAIM_CHUNKS, {"delivery": delivery_id})
        return sum(row[0] for row in cursor.fetchall())


@transaction.atomic
def _reclaim_tries(delivery_id: int) -> int:
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_CHUNKS_OF_EXPIRED_TRIES, slots)
        numbers = [row[0] for row in cursor.fetchall()]
        if not numbers:
            return 0
        cursor.execute(RECLAIM_TRIES, slots | {"numbers": numbers})
        return sum(row[0] for row in cursor.fetchall())


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
    """What the worker that forked a lane knows of the lane's name: its job, its process, this host."""
    return f"{job_id[-12:]}:{pid}@{socket.gethostname()}"


@transaction.atomic
def end_leases(delivery_id: int, *, lane: str) -> None:
    """The lane's process is gone, its worker saw it end: the next tick takes over what it held, as if it had waited.

    Nothing rests on that being true. Of a lane that lives on the token is raised by the reclaim, so it is fenced
    at its next exchange, hands over nothing more, and its late answers settle the doubts that were made of them.
    """
    slots: dict[str, Any] = {"delivery": delivery_id, "lane": lane}
    with connection.cursor() as cursor:
        cursor.execute(END_LEASES, slots)


CANCEL_CHUNK = """
    WITH one AS MATERIALIZED (
        SELECT number, seq_from, seq_to, handed_upto FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number > %(above)s
            AND NOT done AND cancelled = 0 AND handed_upto < seq_to
        ORDER BY number LIMIT 1 FOR UPDATE
    ), rows AS (
        UPDATE deliveries_message m SET status = 6, at = sinete_clock()
        FROM one c
        WHERE m.delivery_id = %(delivery)s AND m.seq > c.handed_upto AND m.seq <= c.seq_to AND m.status = 0
        RETURNING m.seq
    ), counted AS (SELECT count(*) AS n FROM rows)
    UPDATE deliveries_chunk c
    SET cancelled = c.cancelled + n,
        done = c.lease_until IS NULL
            AND c.sent + c.failed + c.retrying + c.in_doubt + c.ignored + c.cancelled + n = c.seq_to - c.seq_from + 1
    FROM one, counted WHERE c.delivery_id = %(delivery)s AND c.number = one.number
    RETURNING c.number, n
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
EXPIRE_CHUNK = """
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
        SET status = CASE WHEN m.seq > c.handed_upto THEN 2 ELSE 4 END, at = sinete_clock(),
            reason = CASE WHEN m.seq > c.handed_upto THEN 'expired' ELSE m.reason END,
            nature = CASE WHEN m.seq > c.handed_upto THEN 'soft' ELSE m.nature END
        FROM one c
        WHERE m.delivery_id = %(delivery)s AND m.seq BETWEEN c.seq_from AND c.seq_to AND m.status = 0
        RETURNING m.seq, m.tries, m.status, c.token
    ), noted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, sinete_clock(), token, tries, false FROM rows WHERE status = 4
    ), counted AS (
        SELECT count(*) FILTER (WHERE status = 2) AS expired, count(*) FILTER (WHERE status = 4) AS unknown FROM rows
    )
    UPDATE deliveries_chunk c
    SET failed = c.failed + expired, unsent = c.unsent + expired, in_doubt = c.in_doubt + unknown,
        token = c.token + 1, done = true
    FROM one, counted WHERE c.delivery_id = %(delivery)s AND c.number = one.number
    RETURNING expired
"""

END_TRIES = """
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
        UPDATE deliveries_message m SET status = CASE WHEN e.plain THEN %(status)s ELSE 4 END, at = sinete_clock(),
            reason = CASE WHEN %(status)s = 2 AND e.plain THEN 'expired' ELSE m.reason END,
            nature = CASE WHEN %(status)s = 2 AND e.plain THEN 'soft' ELSE m.nature END
        FROM judged e WHERE m.delivery_id = %(delivery)s AND m.seq = e.seq AND m.status = 3
        RETURNING m.seq, m.tries, e.token, e.tries AS before, e.doubted_at, e.plain
    ), doubted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
        SELECT %(delivery)s, seq, doubted_at, token, before, true FROM rows WHERE NOT plain
    ), counted AS (
        SELECT count(*) AS n, count(*) FILTER (WHERE plain) AS plain, count(*) FILTER (WHERE NOT plain) AS unknown,
            count(*) FILTER (WHERE plain AND tries = 0) AS untried FROM rows
    )
    UPDATE deliveries_chunk c
    SET retrying = c.retrying - counted.n, in_doubt = c.in_doubt + counted.unknown,
        failed = c.failed + CASE WHEN %(status)s = 2 THEN counted.plain ELSE 0 END,
        unsent = c.unsent + CASE WHEN %(status)s = 2 THEN counted.untried ELSE 0 END,
        cancelled = c.cancelled + CASE WHEN %(status)s = 6 THEN counted.plain ELSE 0 END
    FROM counted WHERE c.delivery_id = %(delivery)s AND c.number = %(number)s
    RETURNING counted.n
"""


def cancel_rest(delivery_id: int) -> int:
    """Of a stopped delivery, cancel what nobody has in hand, chunk by chunk, each in a transaction.

    Idempotent: a run that died half-way is carried on by the next. Returns how many rows it cancelled.
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
    """Whatever of a chunk did not leave until its validity period was over has failed; later tries too."""
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
    """Later tries that nobody has in hand come to an end: cancelled, or failed as the validity is over.

    What was in doubt before a person had it sent again is in doubt once more.
    Chunk by chunk, each in a transaction; returns how many.
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
    """Later tries that queued for these domains are due now; who was refused waits as before. Returns how many."""
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


def open_ends(delivery: Delivery) -> dict[str, bool]:
    """What still keeps a delivery from being over; nothing is counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT chunks, NOT chunks AND EXISTS (
                SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(d)s AND lease_until IS NOT NULL
            ), tries FROM (
                SELECT EXISTS (SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(d)s AND NOT done),
                    EXISTS (SELECT 1 FROM deliveries_try WHERE delivery_id = %(d)s)
            ) ends (chunks, tries)
            """,
            {"d": delivery.pk},
        )
        chunks, leases, tries = cursor.fetchone()
    return {"chunks": chunks, "leases": leases, "tries": tries}


def chunk_digests(delivery_id: int) -> str | None:
    """One fingerprint over the digests of all chunks in their order, as the seal covers it.

    None where there are no chunks, or their ranges don't follow one another from 1 on.
    """
    return _chunks(delivery_id)[0]


def rows_of_chunks(delivery_id: int) -> int:
    """How many rows the ranges of all chunks hold together; no row is looked at."""
    return _chunks(delivery_id)[1]


def _chunks(delivery_id: int) -> tuple[str | None, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN bool_and(seq_from = before + 1)"
            " THEN encode(sha256(string_agg(digest, ''::bytea ORDER BY number)), 'hex') END,"
            " coalesce(sum(seq_to - seq_from + 1), 0) FROM (SELECT number, seq_from, seq_to, digest,"
            " lag(seq_to, 1, 0) OVER (ORDER BY number) AS before FROM deliveries_chunk WHERE delivery_id = %s) c",
            [delivery_id],
        )
        return cursor.fetchone()


@dataclass(frozen=True)
class Books:
    """What was counted in one snapshot: the chunks' tallies, and where the ledger's rows differ from them."""

    tallies: dict[str, int]
    off: dict[str, list[int]]


TALLIES = ("sent", "failed", "retrying", "in_doubt", "ignored", "cancelled")

_TALLIES = f"""
    SELECT {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in TALLIES)},
        coalesce(sum(seq_to - seq_from + 1 - {" - ".join(TALLIES)}), 0) AS prepared, coalesce(sum(unsent), 0) AS unsent
    FROM deliveries_chunk WHERE delivery_id = %(delivery)s
"""

_ROWS = """
    SELECT status, count(*) AS n, count(*) FILTER (WHERE tries = 0) AS untried
    FROM deliveries_message WHERE delivery_id = %(delivery)s GROUP BY status
"""


def tallies(delivery_id: int) -> dict[str, int]:
    """What the chunks say became of the messages, all together."""
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES, {"delivery": delivery_id})
        return dict(zip((*TALLIES, "prepared", "unsent"), cursor.fetchone(), strict=True))


def books(delivery: Delivery) -> Books:
    """Ledger and tallies, counted in one statement and so at one moment, whatever is written meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.*, (SELECT json_agg(json_build_array(status, n, untried))::text FROM ({_ROWS}) r)"
            f" FROM ({_TALLIES}) t",
            {"delivery": delivery.pk},
        )
        *sums, counted = cursor.fetchone()
    tallied = dict(zip((*TALLIES, "prepared", "unsent"), sums, strict=True))
    rows = json.loads(counted or "[]")
    found = {MessageStatus(status).name.lower(): number for status, number, _untried in rows}
    total = sum(found.values())
    found["unsent"] = sum(untried for status, _number, untried in rows if status == MessageStatus.FAILED)
    off = {
        name: [found.get(name, 0), tally] for name, tally in tallied.items() if found.get(name, 0) != tally
    }
    if total != delivery.latest_preparation().to_deliver:
        off["to_deliver"] = [total, delivery.latest_preparation().to_deliver]
    return Books(tallied, off)


def imbalance(delivery: Delivery) -> dict[str, list[int]]:
    """Where the books differ: name of the count -> [ledger's rows, chunks' tallies]. Empty: they balance."""
    if delivery.is_recurring:  # which is written to nobody: its runs have books of their own
        return {}
    return books(delivery).off
