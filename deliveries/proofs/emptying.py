"""Copies of proofs that were kept for long enough lose address and values; the proof stays."""

from collections.abc import Collection

from django.db import connection

from deliveries.models import ProofMessage

AT_ONCE = 10_000  # copies of a slice

# A copy that waits is still to leave.
_COPIES = f"""
    SELECT c.id FROM deliveries_proof p JOIN deliveries_proofmessage c ON c.proof_id = p.id
    WHERE p.delivery_id = {{delivery}} AND c.status <> '{ProofMessage.Status.WAITING.value}'
        AND (c.address <> '' OR c."values" <> '{{{{}}}}' OR c.reply <> '')
"""
HAS_COPIES = f"EXISTS ({_COPIES.format(delivery='d.id')})"
_COUNT = f"""
    SELECT d.id, (SELECT count(*) FROM ({_COPIES.format(delivery="d.id")}) f) FROM unnest(%(ids)s::bigint[]) d (id)
"""
_EMPTY = f"""
    UPDATE deliveries_proofmessage SET address = '', "values" = '{{}}', reply = ''
    WHERE id IN ({_COPIES.format(delivery="%(delivery)s")} ORDER BY c.id LIMIT %(most)s)
"""


def copies_of(ids: Collection[int]) -> dict[int, int]:
    """How many copies of proofs of each of these deliveries still say whom they went to, or whose values they show."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"ids": list(ids)})
        return dict(cursor.fetchall())


def empty_copies(delivery_id: int, *, most: int = AT_ONCE) -> int:
    """Empty the next copies of proofs of the delivery; their outcomes stay. Return how many were emptied."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, {"delivery": delivery_id, "most": most})
        return cursor.rowcount
