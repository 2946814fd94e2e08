"""Files that were refused, or only looked through, are kept for some days, and what was kept of them as long.

The lines of reports are kept for as long as their unit says.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from audiences.imports.staging import tables
from audiences.models import Import, ImportLines, ImportPart
from campaign.lib import clock

KEPT = timedelta(days=7)
LINES_AT_ONCE = 10_000


def expire() -> None:
    """Files that were kept long enough are gone, and what dry runs kept of them; twice does no harm."""
    with transaction.atomic():
        old = Import.objects.filter(finished_at__lt=clock.now() - KEPT)
        ImportPart.objects.filter(importing__in=old).delete()
        ImportLines.objects.filter(importing__in=old).delete()
        old.exclude(samples=[]).update(samples=[])
    tables.drop_leftovers()


# Before which day reports of each unit's imports go.
_OLD = """
    FROM audiences_importproblem p JOIN audiences_import i ON i.id = p.importing_id
    JOIN unnest(%(units)s::bigint[], %(before)s::timestamptz[]) b (unit_id, before) ON b.unit_id = i.unit_id
    WHERE i.finished_at < b.before
"""


def old_lines(before: Mapping[int, datetime]) -> dict[int, int]:
    """How many lines reports have of imports that ended before that moment, by unit."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT b.unit_id, count(*) {_OLD} GROUP BY 1", _slots(before))
        return dict(cursor.fetchall())


def delete_lines(before: Mapping[int, datetime], *, most: int = LINES_AT_ONCE) -> int:
    """The next of these lines are gone; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM audiences_importproblem WHERE id IN (SELECT p.id {_OLD} ORDER BY p.id LIMIT %(most)s)",
            {**_slots(before), "most": most},
        )
        return cursor.rowcount


def _slots(before: Mapping[int, datetime]) -> dict[str, Any]:
    return {"units": list(before), "before": list(before.values())}
