"""Writes the results of a hand-over into rows, later tries and doubts; an exchange does this."""

from audiences.quarantine import writer
from deliveries.models import MessageStatus as S

# One statement: results into rows, later tries and doubts beside them.
# First-pass rows come from `prepared` and later tries from `retrying`, each only under its own token. A row
# that was put in doubt meanwhile is resolved by a result of that very hand-over, and by nothing else here.
#
# Each row is found by its key (`OFFSET 0` keeps the planner from another way) and changed where it was found: a
# delivery that was made a moment ago has no statistics yet, and joined the usual way the planner read all of it for
# each window. Who changes a message holds its chunk's lock, as we do, so it still stands where it was found. A place
# (`ctid`) is in each partition, so delivery and seq are compared too, with those that were found: compared with the
# number itself the planner would look for rows by that. `since` only tells it which partitions it can be.
STORE = f"""
    WITH r AS (
        SELECT * FROM unnest(
            %(numbers)s::int[], %(seqs)s::int[], %(statuses)s::smallint[], %(later)s::boolean[],
            %(tokens)s::bigint[], %(counted)s::smallint[], %(codes)s::smallint[], %(natures)s::text[],
            %(reasons)s::text[], %(replies)s::text[], %(retries)s::float8[]
        ) AS r(number, seq, status, later, token, counted, code, nature, reason, reply, retry_in)
    ), c AS MATERIALIZED (
        SELECT number, token FROM deliveries_chunk
        WHERE delivery_id = %(delivery)s AND number = ANY(%(chunks)s::int[])
    ), t AS MATERIALIZED (
        SELECT seq, token FROM deliveries_try
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[]) AND handed
    ), d AS MATERIALIZED (
        SELECT seq, token, later_try FROM deliveries_doubt
        WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s::int[])
    ), own AS MATERIALIZED (
        SELECT r.*, m.place, m.delivery_id, CASE WHEN d.seq IS NOT NULL THEN {S.IN_DOUBT} WHEN r.later THEN {S.RETRYING}
            ELSE {S.PREPARED} END AS old
        FROM r
        LEFT JOIN c ON NOT r.later AND c.number = r.number AND c.token = r.token
        LEFT JOIN t ON r.later AND t.seq = r.seq AND t.token = r.token
        LEFT JOIN d ON d.seq = r.seq AND d.token = r.token AND d.later_try = r.later AND r.status <> {S.IN_DOUBT}
        JOIN LATERAL (
            SELECT ctid AS place, delivery_id FROM deliveries_message
            WHERE delivery_id = %(delivery)s AND seq = r.seq OFFSET 0
        ) m ON true
        WHERE c.number IS NOT NULL OR t.seq IS NOT NULL OR d.seq IS NOT NULL
    ), written AS (
        UPDATE deliveries_message m
        SET status = own.status, tries = m.tries + own.counted, at = sinete_clock(), code = own.code,
            nature = own.nature, reason = own.reason,
            -- What a server says of somebody who was erased while it had the message is not kept.
            reply = CASE WHEN m.address = '' THEN '' ELSE own.reply END
        FROM own
        WHERE m.ctid = own.place AND m.delivery_id = own.delivery_id AND m.seq = own.seq AND m.status = own.old
            AND m.delivery_id >= %(since)s
        RETURNING m.seq, m.status, own.old, m.tries, own.later, own.token, own.retry_in
    ), ended AS (
        DELETE FROM deliveries_try t USING written w
        WHERE t.delivery_id = %(delivery)s AND t.seq = ANY(%(seqs)s::int[]) AND t.seq = w.seq
            AND w.status <> {S.RETRYING}
    ), resolved AS (
        DELETE FROM deliveries_doubt d USING written w
        WHERE d.delivery_id = %(delivery)s AND d.seq = ANY(%(seqs)s::int[]) AND d.seq = w.seq AND w.old = {S.IN_DOUBT}
    ), delayed AS (
        INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token, lease_until, handed)
        SELECT %(delivery)s, seq, sinete_clock() + make_interval(secs => retry_in), tries, token, NULL, false
        FROM written WHERE status = {S.RETRYING}
        ON CONFLICT (delivery_id, seq) DO UPDATE
        SET due_at = excluded.due_at, tries = excluded.tries, lease_until = NULL, lease_by = '', handed = false
    )
    INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
    SELECT %(delivery)s, seq, sinete_clock(), token, tries, later FROM written WHERE status = {S.IN_DOUBT}
"""
# Of these rows less is measured than was sealed; before what became of them is stored, so that it is counted so.
TRACK_LESS = """
    UPDATE deliveries_message m SET tracked = m.tracked & r.tracked
    FROM unnest(%(seqs)s::int[], %(tracked)s::smallint[]) AS r(seq, tracked)
    WHERE m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s::int[]) AND m.seq = r.seq
"""
QUARANTINE = writer.holding(
    """
        SELECT m.address_key, 'quarantine', r.reason, r.reply
        FROM unnest(%(seqs)s::int[], %(reasons)s::text[], %(replies)s::text[]) AS r(seq, reason, reply)
        JOIN deliveries_message m
            ON m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s::int[]) AND m.seq = r.seq AND m.address_key <> ''
    """
)
