"""Whom messages were written to that are gone by a retention period: known by number, as long as the person is."""

from django.db import connection

# SQL: the profile that message `{seq}` of delivery `{delivery}` was written to; nothing where nobody is known.
_ADDRESSEE = """
    SELECT w.profile_ids[{seq} - w.seq_from + 1] FROM deliveries_addressees w
    WHERE w.delivery_id = {delivery} AND w.seq_from <= {seq} AND w.seq_to >= {seq}
    ORDER BY w.seq_from DESC LIMIT 1
"""
# Every row is read: an index over whom thousands were written to would cost a send more than the rest of retention.
_OF_PROFILE = """
    SELECT DISTINCT delivery_id, seq_from + array_position(profile_ids, %(profile)s) - 1
    FROM deliveries_addressees WHERE %(profile)s = ANY(profile_ids) ORDER BY 1, 2
"""


def by_message(*, delivery: str, seq: str) -> str:
    """SQL: a query of one value at most, whom a message that is gone was written to, by these two expressions."""
    return _ADDRESSEE.format(delivery=delivery, seq=seq)


def addressee(delivery_id: int, seq: int) -> int | None:
    """The profile that a message was written to which is gone; None where nobody is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            by_message(delivery="%(delivery)s", seq="%(seq)s"), {"delivery": delivery_id, "seq": seq}
        )
        row = cursor.fetchone()
    return row[0] if row else None


def messages_to(profile_id: int) -> list[tuple[int, int]]:
    """The messages to a profile that are gone, each as delivery and number. It takes long where many are."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_PROFILE, {"profile": profile_id})
        return cursor.fetchall()
