"""People who were erased: what must still leave to them does not, and their rows are emptied.

A row keeps its number, its status and its place in every count; address, values and the words of servers go. Where it
has a salt, that goes too and the row's own digest stays, so its chunk still adds up to what was sealed. A row that an
earlier version prepared has none: its chunk is compared with its seal once more, and what it adds up to afterwards
stands beside the sealed digest. PostgreSQL lets no row be emptied in any other way (migration `erasure`).

What is under a legal hold stays as it is until the hold is lifted; nothing of it leaves to the person either.

Each chunk is a transaction of its own. Lock order as everywhere: chunk, later tries, messages. A row that a lane has in
its hands, or whose answer may still come, is left for the next call.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction

from deliveries.ledger import recounting
from deliveries.ledger.held import is_held
from deliveries.models import MessageStatus as S

PATIENCE = "5s"  # for a chunk that somebody else has locked; the next call tries again
# Why a row still waits.
IN_HAND, LATE_ANSWER, OPEN_CHUNK, BUSY, HELD = "in_hand", "late_answer", "open_chunk", "busy", "held"

_CHUNKS = f"""
    SELECT m.delivery_id, c.number, array_agg(m.seq ORDER BY m.seq)
    FROM deliveries_message m CROSS JOIN LATERAL (
        SELECT k.number FROM deliveries_chunk k
        WHERE k.delivery_id = m.delivery_id AND k.seq_to >= m.seq AND k.seq_from <= m.seq ORDER BY k.seq_to LIMIT 1
    ) c
    WHERE m.profile_id = ANY(%(profiles)s) AND (
        m.address <> '' OR m.reply <> '' OR m.status IN ({S.PREPARED}, {S.RETRYING})
        OR EXISTS (SELECT FROM deliveries_bounce b
            WHERE b.delivery_id = m.delivery_id AND b.seq = m.seq AND b.text <> '')
    )
    GROUP BY 1, 2 ORDER BY 1, 2
"""
# A hold on the delivery is placed before its rows are looked at, or after them.
_LOCK_DELIVERY = "SELECT FROM deliveries_delivery WHERE id = %(delivery)s FOR KEY SHARE"
# Two statements: what follows sees what was committed while this waited for the lock.
_LOCK = """
    SELECT handed_upto, done FROM deliveries_chunk WHERE delivery_id = %(delivery)s AND number = %(number)s FOR UPDATE
"""
_STOP_FIRST_PASS = f"""
    UPDATE deliveries_message m SET status = {S.ERASED}, at = sinete_clock()
    WHERE m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s) AND m.seq > %(mark)s AND m.status = {S.PREPARED}
"""
# As a stop ends them: one that was in doubt before a person had it sent again is in doubt once more.
_STOP_TRIES = f"""
    WITH ended AS (
        DELETE FROM deliveries_try t
        WHERE t.delivery_id = %(delivery)s AND t.seq = ANY(%(seqs)s) AND NOT t.handed
        RETURNING t.seq, t.token, t.tries, coalesce(t.doubted_at, (
            SELECT a.since FROM deliveries_sentagain a WHERE a.delivery_id = t.delivery_id AND a.seq = t.seq
        )) AS doubted_at
    ), rows AS (
        UPDATE deliveries_message m
        SET status = CASE WHEN e.doubted_at IS NULL THEN {S.ERASED} ELSE {S.IN_DOUBT} END, at = sinete_clock()
        FROM ended e WHERE m.delivery_id = %(delivery)s AND m.seq = e.seq AND m.status = {S.RETRYING}
        RETURNING m.seq, e.token, e.tries AS before, e.doubted_at
    )
    INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries, later_try)
    SELECT %(delivery)s, seq, doubted_at, token, before, true FROM rows WHERE doubted_at IS NOT NULL
"""
# What becomes of each row now: emptied, or why it waits. In doubt it waits until no answer of that hand-over can come.
_JUDGED = f"""
    SELECT m.seq, m.address_key, CASE
        WHEN m.status IN ({S.PREPARED}, {S.RETRYING}) THEN '{IN_HAND}'
        WHEN m.status = {S.IN_DOUBT} AND EXISTS (
            SELECT FROM deliveries_doubt d WHERE d.delivery_id = m.delivery_id AND d.seq = m.seq
                AND d.since > sinete_clock() - make_interval(secs => %(answered)s)
        ) THEN '{LATE_ANSWER}'
        WHEN %(held)s THEN '{HELD}'
        WHEN m.salt IS NULL AND m.digest IS NULL AND m.address <> '' AND NOT %(done)s THEN '{OPEN_CHUNK}'
        ELSE '' END
    FROM deliveries_message m WHERE m.delivery_id = %(delivery)s AND m.seq = ANY(%(seqs)s)
"""
_IS_HELD = f"SELECT {is_held('%(delivery)s')}"
_EMPTY = "SELECT emptied, is_redacted FROM deliveries_empty_rows(%(delivery)s, %(number)s, %(seqs)s::int[])"
_EMPTY_BOUNCES = """
    UPDATE deliveries_bounce SET text = '' WHERE delivery_id = %(delivery)s AND seq = ANY(%(seqs)s) AND text <> ''
"""


class Redacted(NamedTuple):
    """A chunk of rows without salts that was compared with its seal, and has another digest beside it since."""

    delivery_id: int
    number: int
    rows: int


class Swept(NamedTuple):
    """What one call did: rows emptied, chunks redacted, and how many rows wait, by why."""

    emptied: int
    redacted: list[Redacted]
    waits: dict[str, int]


def sweep(profile_ids: Collection[int], *, before_emptying: Callable[[set[str]], None]) -> Swept:
    """Nothing more leaves to these profiles, and every row of theirs is empty that nothing needs any more.

    `before_emptying` is given the keys of addresses that are about to go, inside the transaction. A call that ended
    half-way is carried on by the next. Raise IntegrityError where a chunk is not as it was sealed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS, {"profiles": list(profile_ids)})
        chunks = cursor.fetchall()
    emptied, redacted, waits = 0, [], Counter[str]()
    for delivery_id, number, seqs in chunks:
        try:
            rows, is_redacted, waiting = _sweep_chunk(delivery_id, number, seqs, before_emptying)
        except OperationalError:
            waits[BUSY] += len(seqs)
            continue
        emptied += rows
        waits += waiting
        if is_redacted:
            redacted.append(Redacted(delivery_id, number, rows))
    return Swept(emptied, redacted, dict(waits))


@transaction.atomic
def _sweep_chunk(
    delivery_id: int, number: int, seqs: list[int], before_emptying: Callable[[set[str]], None]
) -> tuple[int, bool, Counter[str]]:
    slots: dict[str, Any] = {"delivery": delivery_id, "number": number, "seqs": seqs}
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        cursor.execute(_LOCK_DELIVERY, slots)
        cursor.execute(_LOCK, slots)
        locked = cursor.fetchone()
        if locked is None:  # prepared anew meanwhile
            return 0, False, Counter({BUSY: len(seqs)})
        cursor.execute(_STOP_FIRST_PASS, slots | {"mark": locked[0]})
        cursor.execute(_STOP_TRIES, slots)
        cursor.execute(_IS_HELD, slots)
        slots["held"] = cursor.fetchone()[0]
        cursor.execute(_JUDGED, slots | {"done": locked[1], "answered": _answered_within()})
        judged = cursor.fetchall()
        ready = [seq for seq, _key, why in judged if not why]
        before_emptying({key for _seq, key, why in judged if key and not why})
        cursor.execute(_EMPTY, slots | {"seqs": ready})
        emptied, is_redacted = cursor.fetchone()
        cursor.execute(_EMPTY_BOUNCES, slots | {"seqs": ready})
    return emptied, is_redacted, Counter(why for _seq, _key, why in judged if why)


def _answered_within() -> int:
    """Return after how many seconds no answer of a hand-over can come any more."""
    return settings.SINETE["lease_seconds"] + settings.SINETE["smtp_reply_seconds"]


_STOP_ANEW = f"""
    UPDATE deliveries_message m SET status = {S.ERASED}, at = sinete_clock()
    WHERE m.delivery_id = %(delivery)s AND m.status = {S.PREPARED} AND m.profile_id IN (
        SELECT profile_id FROM audiences_erasedprofile
    )
"""
_ANYBODY = """
    SELECT EXISTS (
        SELECT FROM audiences_erasedprofile e
        JOIN deliveries_message m ON m.profile_id = e.profile_id AND m.delivery_id = %(delivery)s
    )
"""


def stop_anew(delivery_id: int) -> None:
    """Rows and chunks were written anew for another time: who was erased before does not leave, and is counted."""
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(_ANYBODY, slots)
        if not cursor.fetchone()[0]:
            return
        cursor.execute(_STOP_ANEW, slots)
    recounting.recount(delivery_id)


def held_rows(profile_ids: Collection[int]) -> int:
    """How many messages to these profiles, and how often they were left out, is under a legal hold and not empty."""
    tables = " UNION ALL ".join(
        f"SELECT delivery_id FROM deliveries_{table} WHERE profile_id = ANY(%(ids)s) AND address <> ''"
        for table in ("message", "exclusion")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ({tables}) t WHERE {is_held('t.delivery_id')}", {"ids": list(profile_ids)}
        )
        return cursor.fetchone()[0]


def empty_exclusions(profile_ids: Collection[int]) -> int:
    """Who was left out stays counted; of these profiles the address is gone. Return of how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_exclusion SET address = '' WHERE profile_id = ANY(%s) AND address <> ''"
            f" AND NOT {is_held('deliveries_exclusion.delivery_id')}",
            [list(profile_ids)],
        )
        return cursor.rowcount
