"""Copies of proofs that were kept for long enough lose address and values; the proof stays."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from deliveries.lifecycle import groups
from deliveries.models import ProofMessage

AT_ONCE = 10_000  # copies of a slice

# A copy that waits is still to leave.
_FULL = f"""
    c.status <> '{ProofMessage.Status.WAITING.value}' AND (c.address <> '' OR c."values" <> '{{{{}}}}' OR c.reply <> '')
"""
_COPIES = f"""
    SELECT c.id FROM deliveries_proof p JOIN deliveries_proofmessage c ON c.proof_id = p.id
    WHERE p.delivery_id = {{delivery}} AND {_FULL}
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


# A draft that nobody ends, a series that goes on for years: a proof of it counts from its own day.
_UNENDED = f"""
    FROM deliveries_proof p JOIN deliveries_proofmessage c ON c.proof_id = p.id
    JOIN deliveries_delivery d ON d.id = p.delivery_id
    JOIN unnest(%(units)s::bigint[], %(before)s::timestamptz[]) b (unit_id, before) ON b.unit_id = d.unit_id
    WHERE p.at < b.before AND d.status <> ALL(%(final)s) AND {_FULL.format()} AND NOT EXISTS (
        SELECT FROM deliveries_legalhold h WHERE h.delivery_id = d.id AND h.lifted_at IS NULL
    )
"""
_EMPTY_UNENDED = f"""
    UPDATE deliveries_proofmessage SET address = '', "values" = '{{}}', reply = ''
    WHERE id IN (SELECT c.id {_UNENDED} ORDER BY c.id LIMIT %(most)s)
"""


def old_of_unended(before: Mapping[int, datetime]) -> dict[int, int]:
    """How many copies of proofs from before that moment deliveries that are not over have, by unit."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT b.unit_id, count(*) {_UNENDED} GROUP BY 1", _slots(before))
        return dict(cursor.fetchall())


def empty_of_unended(before: Mapping[int, datetime], *, most: int = AT_ONCE) -> int:
    """Empty the next of these copies; return how many were."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY_UNENDED, {**_slots(before), "most": most})
        return cursor.rowcount


def _slots(before: Mapping[int, datetime]) -> dict[str, Any]:
    return {
        "units": list(before), "before": list(before.values()), "final": [str(each) for each in groups.FINAL],
    }  # fmt: skip
