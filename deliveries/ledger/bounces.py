"""Messages that bounce by reports that came back later, and such a bounce taken back: sets of them.

Each function runs in its caller's transaction. Lock order as everywhere: delivery, chunks by number, messages. `hold`
comes first, so that what is read afterwards stands until the commit. The row keeps what the relay answered when it took
the message, and when; what the report says stands in `Bounce` beside it, with what taking it back restores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from deliveries.ledger import ranges
from deliveries.models import MessageStatus as S

_LOCK_DELIVERY = "SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR SHARE"
_LOCK_CHUNKS = """
    SELECT number FROM deliveries_chunk WHERE delivery_id = %(delivery)s AND number IN (
        SELECT c.number FROM unnest(%(seqs)s::int[]) AS s (seq) JOIN LATERAL (
            SELECT k.number FROM deliveries_chunk k
            WHERE k.delivery_id = %(delivery)s AND k.seq_to >= s.seq AND k.seq_from <= s.seq ORDER BY k.seq_to LIMIT 1
        ) c ON true
    ) ORDER BY number FOR UPDATE
"""
# What has an outcome that a report can't be of stays as it is, and so does what was sent again: of which hand-over
# the report is, nobody knows. A row that bounced already takes what a later report knows better.
_BOUNCE = f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(
            %(seqs)s::int[], %(ats)s::timestamptz[], %(natures)s::text[], %(reasons)s::text[], %(codes)s::text[],
            %(texts)s::text[]
        ) AS g (seq, at, nature, reason, code, text)
    ), was AS MATERIALIZED (
        SELECT m.delivery_id, m.seq, m.status, m.nature, m.reason, m.ctid AS place FROM given g JOIN LATERAL (
            SELECT delivery_id, seq, status, nature, reason, ctid FROM deliveries_message
            WHERE delivery_id = %(delivery)s AND seq = g.seq OFFSET 0
        ) m ON true
        WHERE m.status IN ({S.SENT}, {S.IN_DOUBT}, {S.BOUNCED}) AND NOT EXISTS (
            SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = %(delivery)s AND a.seq = m.seq
        )
    ), rows AS (
        UPDATE deliveries_message m SET status = {S.BOUNCED}, nature = g.nature, reason = g.reason
        FROM was JOIN given g ON g.seq = was.seq
        -- As in `results.STORE`: a place is in each partition.
        WHERE m.ctid = was.place AND m.delivery_id = was.delivery_id AND m.seq = was.seq
            AND m.delivery_id >= %(since)s
        RETURNING m.seq
    ), settled AS (
        DELETE FROM deliveries_doubt d USING was WHERE d.delivery_id = %(delivery)s AND d.seq = was.seq
        RETURNING d.seq, to_jsonb(d) AS doubt
    ), noted AS (
        INSERT INTO deliveries_bounce AS b
            (delivery_id, seq, at, nature, reason, status, text, was, was_nature, was_reason, doubt)
        SELECT %(delivery)s, g.seq, g.at, g.nature, g.reason, g.code, g.text, was.status, was.nature, was.reason,
            settled.doubt
        FROM rows JOIN given g ON g.seq = rows.seq JOIN was ON was.seq = g.seq
        LEFT JOIN settled ON settled.seq = g.seq
        ON CONFLICT (delivery_id, seq) DO UPDATE SET at = excluded.at, nature = excluded.nature,
            reason = excluded.reason, status = excluded.status, text = excluded.text
    )
    SELECT count(*) FILTER (WHERE status <> {S.BOUNCED}) FROM was
"""
_TAKE_BACK = f"""
    WITH gone AS (
        DELETE FROM deliveries_bounce b WHERE b.delivery_id = %(delivery)s AND b.seq = ANY(%(seqs)s::int[])
        RETURNING b.seq, b.was, b.was_nature, b.was_reason, b.doubt
    ), rows AS (
        UPDATE deliveries_message m SET status = gone.was, nature = gone.was_nature, reason = gone.was_reason
        FROM gone
        WHERE m.delivery_id = %(delivery)s AND m.seq = gone.seq AND m.status = {S.BOUNCED}
        RETURNING m.seq
    ), doubted AS (
        INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try, note)
        SELECT %(delivery)s, d.seq, d.since, d.token, d.tries, d.later_try, d.note
        FROM rows JOIN gone ON gone.seq = rows.seq,
            LATERAL jsonb_populate_record(NULL::deliveries_doubt, gone.doubt) d
        WHERE gone.was = {S.IN_DOUBT}
    )
    SELECT count(*) FROM rows
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What the reports of one message come to. `code` is the enhanced one, `text` what the server said."""

    seq: int
    at: datetime
    nature: str
    reason: str
    code: str = ""
    text: str = ""


def hold(delivery_id: int, seqs: Sequence[int]) -> bool:
    """These messages change for nobody else until the transaction ends; False where the delivery is gone."""
    slots: dict[str, Any] = {"delivery": delivery_id, "seqs": list(seqs)}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_DELIVERY, slots)
        if cursor.fetchone() is None:
            return False
        cursor.execute(_LOCK_CHUNKS, slots)
    return True


def bounce(delivery_id: int, reported: Sequence[Reported]) -> int:
    """These messages are bounced, whatever of *sent*, *in doubt* or *bounced* they were; how many were not before.

    Others stay as they are. The caller has called `hold` for them.
    """
    if not reported:
        return 0
    slots: dict[str, Any] = {
        "delivery": delivery_id,
        "since": ranges.since(delivery_id),
        "seqs": [each.seq for each in reported],
        "ats": [each.at for each in reported],
        "natures": [each.nature for each in reported],
        "reasons": [each.reason for each in reported],
        "codes": [each.code for each in reported],
        "texts": [each.text for each in reported],
    }
    with connection.cursor() as cursor:
        cursor.execute(_BOUNCE, slots)
        return int(cursor.fetchone()[0])


def take_back(delivery_id: int, seqs: Sequence[int]) -> int:
    """These messages are what they were before they bounced; how many were bounced. The caller has called `hold`."""
    if not seqs:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BACK, {"delivery": delivery_id, "seqs": list(seqs)})
        return int(cursor.fetchone()[0])
