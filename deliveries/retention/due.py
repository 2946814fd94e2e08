"""Which deliveries ended so long ago that rows of theirs go: by one statement, however many there are."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from deliveries.lifecycle import groups
from deliveries.models import RetentionKind, Status

# Nothing of it moves any more: nobody has a row in hand, no later try waits, no remainder of it is still to be sent,
# no hold keeps it. The period is that of the nearest unit which sets one.
_DUE = """
    WITH RECURSIVE needed (id) AS (
        SELECT remainder_of_id FROM deliveries_delivery WHERE remainder_of_id IS NOT NULL AND status <> ALL(%(final)s)
        UNION
        SELECT d.remainder_of_id FROM deliveries_delivery d JOIN needed n ON n.id = d.id
        WHERE d.remainder_of_id IS NOT NULL
    )
    SELECT d.id, p.days, p.unit_id
    FROM deliveries_delivery d
    JOIN accounts_organizationalunit u ON u.id = d.unit_id
    CROSS JOIN LATERAL (
        SELECT r.days, r.unit_id FROM deliveries_retentionperiod r
        JOIN accounts_organizationalunit o ON o.id = r.unit_id
        WHERE r.kind = %(kind)s AND starts_with(u.path, o.path) ORDER BY length(o.path) DESC LIMIT 1
    ) p
    WHERE p.days > 0 AND d.status = ANY(%(final)s) AND d.preparation_id IS NOT NULL
        AND coalesce(d.ended_at, d.expires_at) + make_interval(days => p.days) <= %(at)s
        AND (%(only)s::bigint[] IS NULL OR d.id = ANY(%(only)s::bigint[]))
        AND (%(units)s::bigint[] IS NULL OR d.unit_id = ANY(%(units)s::bigint[]))
        AND NOT EXISTS (SELECT FROM needed WHERE needed.id = d.id)
        AND NOT EXISTS (
            SELECT FROM deliveries_legalhold h LEFT JOIN accounts_organizationalunit o ON o.id = h.unit_id
            WHERE h.lifted_at IS NULL AND (h.delivery_id = d.id OR starts_with(u.path, o.path))
        )
        AND NOT EXISTS (SELECT FROM deliveries_try t WHERE t.delivery_id = d.id)
        AND NOT EXISTS (SELECT FROM deliveries_chunk c WHERE c.delivery_id = d.id AND c.lease_until IS NOT NULL)
        AND (d.status <> ALL(%(whole)s) OR NOT EXISTS (
            SELECT FROM deliveries_chunk c WHERE c.delivery_id = d.id AND NOT c.done
        ))
"""
# The same for what hangs on a unit itself.
_OF_UNITS = """
    SELECT k.kind, u.id, p.days, p.unit_id
    FROM unnest(%(kinds)s::text[]) k (kind) CROSS JOIN accounts_organizationalunit u
    CROSS JOIN LATERAL (
        SELECT r.days, r.unit_id FROM deliveries_retentionperiod r
        JOIN accounts_organizationalunit o ON o.id = r.unit_id
        WHERE r.kind = k.kind AND starts_with(u.path, o.path) ORDER BY length(o.path) DESC LIMIT 1
    ) p
    WHERE p.days > 0 AND (%(units)s::bigint[] IS NULL OR u.id = ANY(%(units)s::bigint[]))
        AND NOT EXISTS (
            SELECT FROM deliveries_legalhold h JOIN accounts_organizationalunit o ON o.id = h.unit_id
            WHERE h.lifted_at IS NULL AND starts_with(u.path, o.path)
        )
    ORDER BY u.id
"""
_WITH_ROWS = """
        AND ({rows} OR EXISTS (
            SELECT FROM deliveries_purge g WHERE g.delivery_id = d.id AND g.kind = %(kind)s AND g.ended_at IS NULL
        ))
"""


@dataclass(frozen=True)
class Due:
    """A delivery of which rows go, by which setting."""

    delivery_id: int
    days: int
    unit_id: int


def due(
    kind: RetentionKind,
    *,
    at: datetime,
    rows: str = "",
    only: Collection[int] | None = None,
    units: Collection[int] | None = None,
) -> list[Due]:
    """The deliveries whose rows of this kind are kept for long enough at `at`, oldest first.

    `rows` is a condition in SQL on the delivery `d`: that there are any, or that not all have gone yet. `only` these
    deliveries are looked at, and those of `units` alone.
    """
    statement = _DUE + (_WITH_ROWS.format(rows=rows) if rows else "") + " ORDER BY d.id"
    slots: dict[str, Any] = {
        "kind": str(kind), "at": at, "final": [str(each) for each in groups.FINAL],
        "whole": [str(Status.FINISHED), str(Status.STOPPED)],
        "only": None if only is None else list(only), "units": None if units is None else list(units),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, slots)
        return [Due(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class OfUnit:
    """For how many days a unit keeps a kind of what is its own, by which setting."""

    kind: RetentionKind
    unit_id: int
    days: int
    set_by_id: int


def of_units(kinds: Collection[RetentionKind], *, units: Collection[int] | None = None) -> list[OfUnit]:
    """The units, of these alone if any are named, that keep these kinds for so many days and are under no hold."""
    slots = {"kinds": [str(kind) for kind in kinds], "units": None if units is None else list(units)}
    with connection.cursor() as cursor:
        cursor.execute(_OF_UNITS, slots)
        return [OfUnit(RetentionKind(kind), *row) for kind, *row in cursor.fetchall()]


# Not by EXISTS: for many deliveries PostgreSQL would rather read every row of all partitions.
ROWS_OF_RECIPIENTS = (
    "coalesce((SELECT true FROM deliveries_message m WHERE m.delivery_id = d.id LIMIT 1),"
    " (SELECT true FROM deliveries_exclusion e WHERE e.delivery_id = d.id LIMIT 1), false)"
)
_COUNTED = ("message", "exclusion", "doubt", "sentagain", "bounce")


def recipients_of(ids: Collection[int]) -> dict[int, int]:
    """How many rows of recipients each of these deliveries has."""
    each = " UNION ALL ".join(
        f"SELECT delivery_id, count(*) AS n FROM deliveries_{table} WHERE delivery_id = ANY(%(ids)s) GROUP BY 1"
        for table in _COUNTED
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT delivery_id, sum(n)::bigint FROM ({each}) c GROUP BY 1", {"ids": list(ids)})
        return dict(cursor.fetchall())
