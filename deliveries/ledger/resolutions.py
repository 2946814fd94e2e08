"""What becomes of messages with unknown outcome once somebody decides or evidence comes: by sets, chunk after chunk.

Each function runs in its caller's transaction, which holds the delivery's row. Lock order: delivery, chunks by
number, messages. Each chunk is locked in a statement of its own, before the one that changes its rows: so the latter
sees what was committed while the lock was waited for.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from accounts import audit
from audiences.quarantine import suppression
from deliveries.models import Delivery, MessageStatus
from deliveries.models import MessageStatus as S

_SERVICE = "(SELECT service_id FROM deliveries_delivery WHERE id = %(delivery)s)"
_CHOSEN = "(%(seqs)s::int[] IS NULL OR d.seq = ANY(%(seqs)s::int[]))"

_LOCK_NEXT_CHUNK = f"""
    SELECT c.number, c.seq_from, c.seq_to FROM deliveries_chunk c
    WHERE c.delivery_id = %(delivery)s AND c.number > %(above)s AND c.in_doubt > 0 AND EXISTS (
        SELECT 1 FROM deliveries_doubt d WHERE d.delivery_id = %(delivery)s
            AND d.seq BETWEEN c.seq_from AND c.seq_to AND {_CHOSEN}
    ) ORDER BY c.number LIMIT 1 FOR UPDATE
"""

_COUNT_AS_SENT = f"""
    WITH rows AS (
        UPDATE deliveries_message m
        SET status = {S.SENT}, at = sinete_clock(), reply = left(%(note)s, 300), tries = greatest(m.tries, 1)
        FROM deliveries_doubt d
        WHERE d.delivery_id = %(delivery)s AND d.seq BETWEEN %(first)s AND %(last)s AND {_CHOSEN}
            AND m.delivery_id = %(delivery)s AND m.seq = d.seq AND m.status = {S.IN_DOUBT}
        RETURNING m.seq
    ), gone AS (
        DELETE FROM deliveries_doubt d USING rows WHERE d.delivery_id = %(delivery)s AND d.seq = rows.seq
    )
    SELECT count(*) FROM rows
"""

# Who opted out or was quarantined since is not written to a second time: they stay in doubt.
# The try goes on from the doubt's token: a late result of the old hand-over never fits the new one.
_SEND_AGAIN = f"""
    WITH rows AS (
        UPDATE deliveries_message m SET status = {S.RETRYING}, at = sinete_clock()
        FROM deliveries_doubt d
        WHERE d.delivery_id = %(delivery)s AND d.seq BETWEEN %(first)s AND %(last)s AND {_CHOSEN}
            AND m.delivery_id = %(delivery)s AND m.seq = d.seq AND m.status = {S.IN_DOUBT}
            AND {suppression.by_key("m.profile_id", key="m.address_key", service=_SERVICE)} = ''
        RETURNING m.seq, m.tries, d.since, d.token
    ), gone AS (
        DELETE FROM deliveries_doubt d USING rows WHERE d.delivery_id = %(delivery)s AND d.seq = rows.seq
    ), again AS (
        INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token, lease_until, handed, doubted_at)
        SELECT %(delivery)s, seq, sinete_clock(), tries, token, NULL, false, since FROM rows
    ), remembered AS (
        INSERT INTO deliveries_sentagain (delivery_id, seq, since) SELECT %(delivery)s, seq, since FROM rows
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM rows
"""

_NOTE = f"""
    UPDATE deliveries_doubt d SET note = left(%(note)s, 200)
    WHERE d.delivery_id = %(delivery)s AND d.seq BETWEEN %(first)s AND %(last)s AND {_CHOSEN}
"""


def count_as_sent(*, delivery_id: int, seqs: Sequence[int] | None, note: str) -> int:
    """Count these messages in doubt (None: all) as sent; return how many there were."""
    return sum(_by_chunk(_COUNT_AS_SENT, delivery_id=delivery_id, seqs=seqs, note=note))


def send_again(*, delivery_id: int, seqs: Sequence[int] | None) -> int:
    """Make these messages in doubt (None: all) later tries that are due now; return how many.

    They count as many tries as before.
    """
    return sum(_by_chunk(_SEND_AGAIN, delivery_id=delivery_id, seqs=seqs))


def annotate(*, delivery_id: int, seqs: Sequence[int] | None, note: str) -> int:
    """Put the note on these messages in doubt and change nothing else of them; return how many."""
    return sum(_by_chunk(_NOTE, delivery_id=delivery_id, seqs=seqs, note=note))


def _by_chunk(statement: str, **slots: Any) -> list[int]:
    """Run the statement for each chunk that it concerns; return how many rows it changed in each."""
    slots["delivery"] = slots.pop("delivery_id")
    slots["seqs"] = None if slots["seqs"] is None else sorted(slots["seqs"])
    changed: list[int] = []
    above = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_LOCK_NEXT_CHUNK, slots | {"above": above})
            chunk = cursor.fetchone()
            if chunk is None:
                return changed
            above, first, last = chunk
            cursor.execute(statement, slots | {"number": above, "first": first, "last": last})
            changed.append(cursor.fetchone()[0] if cursor.description else cursor.rowcount)


# Of rows that were sent again any state but *sent* is open to evidence: neither a second refusal nor a try that
# waits says anything of the first. An ordinary row is open only while it is in doubt.
# A try on its way can't be called back; without its row its answer finds nothing that it could change.
# Whether the first arrived stays unknown where a later hand-over may be the one that the evidence is of.
_ARRIVED = f"""
    WITH was AS MATERIALIZED (
        SELECT m.seq, m.status, m.code, m.reason FROM deliveries_message m
        WHERE m.delivery_id = %(delivery)s AND m.seq = %(seq)s AND (
            m.status = {S.IN_DOUBT} OR m.status IN ({S.FAILED}, {S.RETRYING}, {S.IGNORED}) AND EXISTS (
            SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = %(delivery)s AND a.seq = %(seq)s
        ))
    ), ended AS (
        DELETE FROM deliveries_try t USING was WHERE t.delivery_id = %(delivery)s AND t.seq = was.seq
        RETURNING t.handed, t.doubted_at AS since
    ), settled AS (
        DELETE FROM deliveries_doubt d USING was WHERE d.delivery_id = %(delivery)s AND d.seq = was.seq
        RETURNING d.since
    ), rows AS (
        UPDATE deliveries_message m
        SET status = {S.SENT}, at = sinete_clock(), reply = left(%(note)s, 300), tries = greatest(m.tries, 1),
            code = NULL, nature = '', reason = ''
        FROM was WHERE m.delivery_id = %(delivery)s AND m.seq = was.seq
    )
    SELECT was.status, was.code, was.reason, coalesce((SELECT bool_or(handed) FROM ended), false) AS is_on_its_way,
        greatest((SELECT max(since) FROM ended), (SELECT max(since) FROM settled)) AS later
    FROM was
"""

# A statement of its own: that it was sent again is what allows the step, and must stand until the row has made it.
_FIRST_IS_KNOWN = """
    DELETE FROM deliveries_sentagain
    WHERE delivery_id = %(delivery)s AND seq = %(seq)s AND since >= coalesce(%(later)s, since)
"""


@transaction.atomic
def arrived(*, delivery_id: int, seq: int, note: str) -> bool:
    """Count the message as sent, by evidence that we signed. Return False where it was not open.

    Open is a message in doubt, and one that a person had sent again, whether it waits, is on its way or has failed.
    One that waits is not sent a second time.
    """
    slots: dict[str, Any] = {"delivery": delivery_id, "seq": seq, "note": note}
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM deliveries_delivery WHERE id = %(delivery)s FOR SHARE", slots)
        cursor.execute(
            "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(delivery)s"
            " AND %(seq)s BETWEEN seq_from AND seq_to FOR UPDATE",
            slots,
        )
        cursor.execute(_ARRIVED, slots)
        row = cursor.fetchone()
        if row is None:
            return False
        status, code, reason, is_on_its_way, later = row
        if not is_on_its_way:
            cursor.execute(_FIRST_IS_KNOWN, slots | {"later": later})
    audit.record(
        "known_to_have_arrived", by=None, target=Delivery.objects.get(pk=delivery_id), row=seq, evidence=note,
        was=MessageStatus(status).name.lower(), code=code, reason=reason,
    )  # fmt: skip
    return True
