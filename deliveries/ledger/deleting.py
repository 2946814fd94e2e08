"""Deletes rows of a ledger, in the one place that does: of a delivery that was never released, or kept long enough."""

from collections import Counter
from collections.abc import Collection, Mapping

from django.db import connection

from deliveries.ledger import ranges
from deliveries.models import MessageStatus as S

# Rows that refer to messages are deleted before them.
TABLES = ("try", "doubt", "sentagain", "bounce", "chunk", "moment", "message", "exclusion")
# Of a delivery that is over: its chunks and moments hold the figures, and stay.
BESIDE_MESSAGES = ("try", "doubt", "sentagain", "bounce")
AT_ONCE = 10_000  # rows of a slice

# Of a range that went at once messages are gone before what stands beside them.
_FIRST = "SELECT least({})".format(
    ", ".join(
        f"(SELECT min(seq) FROM deliveries_{table} WHERE delivery_id = %(delivery)s)"
        for table in ("message", *BESIDE_MESSAGES)
    )
)
_BESIDE = "DELETE FROM deliveries_{table} WHERE delivery_id = %(delivery)s AND seq <= %(last)s"
# Whoever may have got it can still opt out by its link.
_NEVER_LEFT = f"status IN ({S.PREPARED}, {S.IGNORED}, {S.CANCELLED})"
TOGETHER = 1_000  # messages whose addressees are one row
# Messages of a delivery are numbered without gaps. Whoever stands in a shorter row stands in the longer one too.
_KEEP = f"""
    INSERT INTO deliveries_addressees AS a (delivery_id, seq_from, seq_to, profile_ids)
    SELECT %(delivery)s, min(seq), max(seq),
        array_agg(CASE WHEN {_NEVER_LEFT} THEN NULL ELSE profile_id END ORDER BY seq)
    FROM {{messages}} GROUP BY seq / {TOGETHER}
    ON CONFLICT (delivery_id, seq_from) DO UPDATE SET seq_to = excluded.seq_to, profile_ids = excluded.profile_ids
    WHERE excluded.seq_to > a.seq_to
"""
_MESSAGES = f"""
    WITH gone AS (
        DELETE FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq <= %(last)s
        RETURNING seq, profile_id, status
    ), kept AS ({_KEEP.format(messages="gone")})
    SELECT count(*) FROM gone
"""
_NEXT = """
    SELECT greatest(min(seq), %(after)s + 1), max(seq) FROM deliveries_message WHERE delivery_id = %(delivery)s
"""
_ADDRESSEES = _KEEP.format(
    messages="""(
        SELECT seq, profile_id, status FROM deliveries_message
        WHERE delivery_id = %(delivery)s AND seq BETWEEN %(first)s AND %(last)s
    ) m"""
)
# They are numbered without gaps, and what went of them before went from the first on.
_MESSAGES_OF_RANGE = """
    SELECT h.id, (SELECT max(seq) - min(seq) + 1 FROM {name} WHERE delivery_id = h.id) FROM unnest(%s::bigint[]) h (id)
"""
_EXCLUSIONS_OF_RANGE = "SELECT delivery_id, count(*) FROM {name} GROUP BY 1"
_EXCLUSIONS = """
    DELETE FROM deliveries_exclusion WHERE delivery_id = %(delivery)s AND id IN (
        SELECT id FROM deliveries_exclusion WHERE delivery_id = %(delivery)s LIMIT %(most)s
    )
"""


def delete(delivery_id: int, *, tables: Collection[str] = TABLES) -> None:
    """Delete the delivery's rows of these tables.

    The caller holds the delivery's row and has checked that it may go.
    """
    wanted = [f"deliveries_{table}" for table in TABLES if table in tables]
    statements = (f"DELETE FROM {table} WHERE delivery_id = {int(delivery_id)}" for table in wanted)
    with connection.cursor() as cursor:
        cursor.execute("; ".join(statements))


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


def keep_addressees(delivery_id: int, *, after: int, most: int = AT_ONCE) -> int:
    """Whoever may have got one of the next messages after this one is kept; return the last of them, 0 for none left.

    Of these the rows may go at once with others. The caller holds the delivery's row.
    """
    slots = {"delivery": delivery_id, "after": after}
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, slots)
        first, last = cursor.fetchone()
        if last is None or first > last:
            return 0
        last = min(last, first + most - 1)
        cursor.execute(_ADDRESSEES, {**slots, "first": first, "last": last})
        return int(last)


def last_messages(delivery_ids: Collection[int]) -> dict[int, int]:
    """The number of each delivery's last message; those without any are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.id, m.seq FROM unnest(%s::bigint[]) h (id) CROSS JOIN LATERAL ("
            " SELECT seq FROM deliveries_message WHERE delivery_id = h.id ORDER BY seq DESC LIMIT 1) m",
            [list(delivery_ids)],
        )
        return dict(cursor.fetchall())


def rows_of_range(tables: Mapping[str, str]) -> dict[int, int]:
    """How many messages and exclusions each delivery has in these partitions, one of each table."""
    numbers: Counter[int] = Counter()
    with connection.cursor() as cursor:
        if name := tables.get("deliveries_message"):
            cursor.execute(_MESSAGES_OF_RANGE.format(name=name), [ranges.holders([name])])
            numbers.update(dict(cursor.fetchall()))
        if name := tables.get("deliveries_exclusion"):
            cursor.execute(_EXCLUSIONS_OF_RANGE.format(name=name))
            numbers.update(dict(cursor.fetchall()))
    return dict(numbers)
