"""What came back from readers and by mail goes once it was kept long enough: the next rows of a delivery, each time."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection

AT_ONCE = 10_000  # rows of a slice
MAILS_AT_ONCE = 500  # each has its content beside the table

HAS_HITS = "EXISTS (SELECT FROM feedback_hit h WHERE h.delivery_id = d.id)"
_DELETE_HITS = """
    DELETE FROM feedback_hit WHERE delivery_id = %(delivery)s AND id IN (
        SELECT id FROM feedback_hit WHERE delivery_id = %(delivery)s ORDER BY id LIMIT %(most)s
    )
"""
# Of a delivery. None goes while a report of it is open, a reply is still to be forwarded, or any delivery of which it
# tells is under a hold.
_GOES = """
    m.forgotten_at IS NULL AND m.read_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM feedback_report o
        WHERE o.mail_id = m.id AND o.is_current AND o.outcome IN ('pending', 'waits') AND o.delivery_id IS NOT NULL
    ) AND NOT EXISTS (
        SELECT FROM feedback_reply y WHERE y.mail_id = m.id AND y.forwarded_at IS NULL AND y.tries < 6
    ) AND NOT EXISTS (
        SELECT FROM (
            SELECT delivery_id FROM feedback_report WHERE mail_id = m.id
            UNION ALL SELECT delivery_id FROM feedback_reply WHERE mail_id = m.id
        ) o JOIN deliveries_delivery b ON b.id = o.delivery_id
        JOIN accounts_organizationalunit u ON u.id = b.unit_id
        JOIN deliveries_legalhold l ON l.lifted_at IS NULL
        LEFT JOIN accounts_organizationalunit k ON k.id = l.unit_id
        WHERE l.delivery_id = b.id OR starts_with(u.path, k.path)
    )
"""
_MAIL = f"""
    SELECT m.id FROM feedback_incomingmail m WHERE {_GOES} AND m.id IN (
        SELECT mail_id FROM feedback_report WHERE delivery_id = {{delivery}}
        UNION SELECT mail_id FROM feedback_reply WHERE delivery_id = {{delivery}}
    )
"""
HAS_MAIL = f"EXISTS ({_MAIL.format(delivery='d.id')})"
# Mail that is about no delivery of ours: nobody's, or of nothing that was proven.
_LOOSE = f"""
    SELECT m.id FROM feedback_incomingmail m WHERE {_GOES} AND m.received_at < %(before)s
    AND NOT EXISTS (SELECT FROM feedback_report r WHERE r.mail_id = m.id AND r.delivery_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM feedback_reply y WHERE y.mail_id = m.id)
"""
_EMPTY = "UPDATE feedback_incomingmail SET raw = '', forgotten_at = sinete_clock() WHERE id IN ({mails} LIMIT %(most)s)"

# What mails report of messages that are gone: whether it spoke of the very address stays told, whose it was does not.
_REPORTS = """
    SELECT r.id FROM feedback_report r WHERE r.delivery_id = {delivery} AND r.settled_at IS NOT NULL
        AND (r.recipient <> '' OR r.diagnostic <> '' OR r.address_key <> '' OR r.recipient_key NOT IN ('', '…'))
"""
HAS_REPORTS = f"EXISTS ({_REPORTS.format(delivery='d.id')})"
_EMPTY_REPORTS = f"""
    UPDATE feedback_report SET recipient = '', diagnostic = '', address_key = '', recipient_key = CASE
        WHEN recipient_key IN ('', address_key, split_part(address_key, '@', 1)) THEN '' ELSE '…' END
    WHERE id IN ({_REPORTS.format(delivery="%(delivery)s")} ORDER BY r.id LIMIT %(most)s)
"""


def hits_of(ids: Collection[int]) -> dict[int, int]:
    """How many hits each of these deliveries has."""
    return _counted(
        "SELECT delivery_id, count(*) FROM feedback_hit WHERE delivery_id = ANY(%(ids)s) GROUP BY 1", ids
    )


def delete_hits(delivery_id: int, *, most: int = AT_ONCE) -> int:
    """Delete the next hits of the delivery; return how many went."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_HITS, {"delivery": delivery_id, "most": most})
        return cursor.rowcount


def reports_of(ids: Collection[int]) -> dict[int, int]:
    """How many reports about messages of these deliveries still say whose address it was."""
    number = f"SELECT count(*) FROM ({_REPORTS.format(delivery='d.id')}) f"
    return _counted(f"SELECT d.id, ({number}) FROM unnest(%(ids)s::bigint[]) d (id)", ids)


def empty_reports(delivery_id: int, *, most: int = AT_ONCE) -> int:
    """Empty the next reports about the delivery's messages, whose outcomes stay; return how many were emptied."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY_REPORTS, {"delivery": delivery_id, "most": most})
        return cursor.rowcount


def mail_of(ids: Collection[int]) -> dict[int, int]:
    """How many mails that report of these deliveries still have their content."""
    number = f"SELECT count(*) FROM ({_MAIL.format(delivery='d.id')}) f"
    return _counted(f"SELECT d.id, ({number}) FROM unnest(%(ids)s::bigint[]) d (id)", ids)


def empty_mail(delivery_id: int, *, most: int = MAILS_AT_ONCE) -> int:
    """Empty the next mails of the delivery, whose digests and reports stay; return how many were emptied."""
    return _emptied(_MAIL.format(delivery="%(delivery)s"), delivery=delivery_id, most=most)


def loose_mail(before: datetime) -> int:
    """How many mails that are about no delivery, and came before that moment, still have their content."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({_LOOSE}) f", {"before": before})
        return cursor.fetchone()[0]


def empty_loose_mail(before: datetime, *, most: int = MAILS_AT_ONCE) -> int:
    """Empty the next of them; return how many were."""
    return _emptied(_LOOSE, before=before, most=most)


def _emptied(mails: str, **slots: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY.format(mails=mails), slots)
        return cursor.rowcount


def _counted(statement: str, ids: Collection[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": list(ids)})
        return dict(cursor.fetchall())
