"""Addresses that somebody typed into a sign-up form, and that nobody confirmed, are kept for as long as units say."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

AT_ONCE = 10_000

# Of the unit of the service, or of the person who was asked whether mail is welcome again. What still waits for its
# mail, or whose link still works, is no older than some days: no period is as short.
_OLD = """
    FROM audiences_signup s
    LEFT JOIN audiences_service v ON v.id = s.service_id
    LEFT JOIN audiences_profile p ON p.id = s.profile_id
    JOIN unnest(%(units)s::bigint[], %(before)s::timestamptz[]) b (unit_id, before)
        ON b.unit_id = coalesce(v.unit_id, p.unit_id)
    WHERE s.confirmed_at IS NULL AND s.at < b.before
"""


def old(before: Mapping[int, datetime]) -> dict[int, int]:
    """How many sign-ups from before that moment nobody confirmed, by unit."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT b.unit_id, count(*) {_OLD} GROUP BY 1", _slots(before))
        return dict(cursor.fetchall())


def delete(before: Mapping[int, datetime], *, most: int = AT_ONCE) -> int:
    """The next of these are gone; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM audiences_signup WHERE id IN (SELECT s.id {_OLD} ORDER BY s.id LIMIT %(most)s)",
            {**_slots(before), "most": most},
        )
        return cursor.rowcount


def _slots(before: Mapping[int, datetime]) -> dict[str, Any]:
    return {"units": list(before), "before": list(before.values())}
