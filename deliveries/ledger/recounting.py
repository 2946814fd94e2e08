"""A recount: chunks get the tallies that their rows add up to. Apart from the trigger, nothing else writes tallies."""

from django.db import connection, transaction

from deliveries.models import ASIDE, TALLIES, MessageStatus

TALLIED = (*TALLIES, *ASIDE)

_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE {rows}) AS {name}"
    for name, rows in [(name, f"m.status = {MessageStatus[name.upper()]}") for name in TALLIES]
    + [*ASIDE.items()]
)
_COUNTED = f"""
    SELECT {_COUNTS}
    FROM deliveries_message m WHERE m.delivery_id = k.delivery_id AND m.seq BETWEEN k.seq_from AND k.seq_to
"""

_IS_OFF = f"({', '.join(f'k.{name}' for name in TALLIED)}) <> ({', '.join(f'n.{name}' for name in TALLIED)})"

# Of rows that have gone the tallies are all that is known.
_IS_KEPT = """NOT EXISTS (
    SELECT FROM deliveries_purge p WHERE p.delivery_id = k.delivery_id AND p.kind = 'recipients'
)"""

_OFF = f"""
    SELECT k.number FROM deliveries_chunk k CROSS JOIN LATERAL ({_COUNTED}) n
    WHERE k.delivery_id = %(delivery)s AND {_IS_KEPT} AND {_IS_OFF} ORDER BY k.number
"""

_REPAIR = f"""
    WITH found AS MATERIALIZED (
        SELECT k.number, {", ".join(f"n.{name}, n.{name} - k.{name} AS {name}_more" for name in TALLIED)}
        FROM deliveries_chunk k CROSS JOIN LATERAL ({_COUNTED}) n
        WHERE k.delivery_id = %(delivery)s AND k.number = %(number)s AND {_IS_KEPT} AND {_IS_OFF}
    )
    UPDATE deliveries_chunk c SET {", ".join(f"{name} = found.{name}" for name in TALLIED)}
    FROM found WHERE c.delivery_id = %(delivery)s AND c.number = found.number
    RETURNING {", ".join(f"found.{name}_more" for name in TALLIED)}
"""


def recount(delivery_id: int) -> list[dict[str, int]]:
    """Repair the chunks whose tallies differ from their rows; return by how much each of these changed.

    Rows are first counted without a lock, however long that takes. Only a chunk that was found to be off is locked,
    for as long as its own rows take to count.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OFF, {"delivery": delivery_id})
        off = [row[0] for row in cursor.fetchall()]
    repairs = [_repair(delivery_id, number) for number in off]
    return [repair for repair in repairs if repair]


@transaction.atomic
def _repair(delivery_id: int, number: int) -> dict[str, int] | None:
    """By how much each tally of the chunk changed, None if nothing did."""
    slots = {"delivery": delivery_id, "number": number}
    with connection.cursor() as cursor:
        # Two statements: the second sees what was committed while the first waited for its lock.
        cursor.execute(
            "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(delivery)s AND number = %(number)s FOR UPDATE",
            slots,
        )
        cursor.execute(_REPAIR, slots)
        row = cursor.fetchone()
    return None if row is None else dict(zip(TALLIED, map(int, row), strict=True))
