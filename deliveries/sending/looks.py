"""Which released deliveries have something to do, found in a few statements for any number of them.

Nothing here locks or changes anything, and no delivery is read as a whole. What a lane has in hand has an index of
its own (`chunk_taken`), and so has what is open (`chunk_open_moment`): a delivery with a hundred thousand open
chunks costs as much as one with two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import connection, transaction

from campaign.lib import prepared
from deliveries.models import ANSWERED_ROWS, REFUSED_ROWS

LARGE = 20_000  # messages; of so many nobody counts or ends the rest in passing


class Due(StrEnum):
    """Why a delivery needs attention."""

    UNCONFIRMED = "unconfirmed"  # until its validity period was over
    BEGIN = "begin"
    SOON = "soon"  # begins within seconds: its lanes are woken, and wait at the gate
    REOPEN = "reopen"
    LEASE = "lease"  # a lane is gone
    OVERDUE = "overdue"  # something of it can't leave any more
    WAVE = "wave"  # a wave is to be held
    FIRST = "first"  # the first of a moment has left
    OVER = "over"
    STOPPED = "stopped"  # and not all of the rest is cancelled

    @property
    def reads_all(self) -> bool:
        """Whether handling it may read every message of the delivery."""
        return self in {Due.OVERDUE, Due.OVER, Due.STOPPED}


@dataclass(frozen=True)
class Found:
    """One delivery, why it needs attention, and how many messages it has."""

    due: Due
    delivery_id: int
    messages: int

    @property
    def is_large(self) -> bool:
        return self.messages > LARGE

    @property
    def is_long(self) -> bool:
        return self.is_large and self.due.reads_all


# However many are being sent, a tick asks of no more than some thousand whether they are over or want lanes, and of
# the others in the seconds after; a lane that ends asks so of its own delivery at once.
AT_ONE_TICK = 2_000
SLICE = """
    SELECT number, floor(extract(epoch FROM %(at)s::timestamptz))::bigint %% number AS turn FROM (
        SELECT greatest(1, ceil(count(*) / %(slice)s::float8))::bigint AS number
        FROM deliveries_delivery WHERE status = 'sending'
    ) sending
"""

# A subquery that ends with its first row is asked by index for each delivery; EXISTS might be turned into a join
# that reads all that is open anywhere.
_DUE = f"""
    WITH slice AS MATERIALIZED ({SLICE}), moving AS MATERIALIZED (
        SELECT id, status, schedule_kind IN ('local_hour', 'waves') AS has_moments, wave_limit, started_at,
            contact_date, make_interval(hours => validity_hours) AS validity
        FROM deliveries_delivery
        WHERE status IN ('sending', 'paused') AND (
            started_at + make_interval(hours => validity_hours) <= %(at)s
            OR schedule_kind IN ('local_hour', 'waves')
        )
    ), taken AS MATERIALIZED (
        SELECT delivery_id, lease_until, handed_upto >= seq_to AS is_through FROM deliveries_chunk
        WHERE NOT done AND token > 0
    ), sending AS MATERIALIZED (
        SELECT d.id FROM slice JOIN deliveries_delivery d ON d.id %% slice.number = slice.turn
        WHERE d.status = 'sending' AND NOT EXISTS (SELECT 1 FROM taken WHERE taken.delivery_id = d.id)
    ), found (due, id) AS (
        SELECT 'unconfirmed', id FROM deliveries_delivery
        WHERE status IN ('awaiting_approval', 'ready') AND execution_of_id IS NULL
            AND greatest(contact_date, last_moment) + make_interval(hours => validity_hours) < %(at)s
        UNION ALL
        SELECT CASE WHEN least(d.contact_date, d.first_moment) > %(at)s OR EXISTS (
                SELECT 1 FROM deliveries_confirmation c
                WHERE c.delivery_id = d.id AND c.taken_back_at IS NULL AND c.leaves_at > %(at)s
            ) THEN 'soon' ELSE 'begin' END, d.id FROM deliveries_delivery d
        WHERE d.status = 'scheduled' AND (
                d.contact_date <= %(soon)s OR d.first_moment <= %(soon)s
                OR (d.contact_date IS NULL AND d.first_moment IS NULL)
            ) AND NOT EXISTS (
                SELECT 1 FROM deliveries_confirmation c
                WHERE c.delivery_id = d.id AND c.taken_back_at IS NULL AND c.leaves_at > %(soon)s
            )
        UNION ALL
        -- A lane is long gone by then, so no answer comes later than this.
        SELECT 'reopen', d.id FROM deliveries_delivery d
        WHERE d.status = 'finished' AND d.ended_at > %(yesterday)s
            AND (SELECT true FROM deliveries_try t WHERE t.delivery_id = d.id LIMIT 1)
        UNION ALL
        SELECT 'lease', d.id FROM (
            SELECT delivery_id FROM taken WHERE lease_until < %(at)s OR (lease_until IS NULL AND is_through)
            UNION
            SELECT delivery_id FROM deliveries_try WHERE handed AND lease_until < %(at)s
        ) l JOIN deliveries_delivery d ON d.id = l.delivery_id WHERE d.status IN ('sending', 'paused')
        UNION ALL
        SELECT 'overdue', d.id FROM moving d
        WHERE d.started_at + d.validity <= %(at)s AND NOT d.has_moments
            AND greatest(d.started_at, d.contact_date) + d.validity <= %(at)s
            AND ((
                SELECT true FROM deliveries_chunk c
                WHERE c.delivery_id = d.id AND NOT c.done AND c.lease_until IS NULL AND c.handed_upto < c.seq_to
                LIMIT 1
            ) OR (SELECT true FROM deliveries_try t WHERE t.delivery_id = d.id AND NOT t.handed LIMIT 1))
        UNION ALL
        SELECT 'overdue', d.id FROM moving d
        WHERE d.started_at + d.validity <= %(at)s AND d.has_moments AND (
            SELECT true FROM deliveries_moment m
            WHERE m.delivery_id = d.id AND greatest(d.started_at, m.not_before) + d.validity <= %(at)s AND ((
                SELECT true FROM deliveries_chunk c
                WHERE c.delivery_id = d.id AND c.moment = m.number AND NOT c.done AND c.lease_until IS NULL
                    AND c.handed_upto < c.seq_to
                    AND NOT EXISTS (
                        SELECT 1 FROM deliveries_moment h
                        WHERE h.delivery_id = d.id AND h.number <= m.number
                            AND h.held_at IS NOT NULL AND h.released_at IS NULL
                    )
                LIMIT 1
            ) OR (
                SELECT true FROM deliveries_try t
                WHERE t.delivery_id = d.id AND NOT t.handed AND t.seq BETWEEN m.seq_from AND m.seq_to LIMIT 1
            )) LIMIT 1
        )
        UNION ALL
        SELECT 'wave', d.id FROM moving d
        WHERE d.has_moments AND d.wave_limit IS NOT NULL AND d.status = 'sending' AND (
            SELECT true FROM deliveries_moment m
            WHERE m.delivery_id = d.id AND m.opened_at IS NULL AND m.number > 1 AND m.gap_seconds IS NOT NULL
                AND m.held_at IS NULL AND m.not_before <= %(at)s
                AND deliveries_may_leave(d.id, m.number, interval '0')
                AND (
                    SELECT round(100.0 * sum({REFUSED_ROWS}) / nullif(sum({ANSWERED_ROWS}), 0), 1)
                    FROM deliveries_chunk c WHERE c.delivery_id = d.id AND c.moment < m.number
                ) > d.wave_limit
            ORDER BY m.number LIMIT 1
        )
        UNION ALL
        SELECT 'first', d.id FROM moving d
        WHERE d.has_moments AND (
            SELECT true FROM deliveries_moment m
            WHERE m.delivery_id = d.id AND m.opened_at IS NOT NULL AND m.first_left_at IS NULL AND (
                -- By its chunk's tallies: messages of any delivery lie in a partition each, and all would be weighed.
                SELECT true FROM deliveries_chunk c
                WHERE c.delivery_id = d.id AND c.seq_to >= m.seq_from AND c.seq_from <= least(m.seq_to, m.seq_from + 99)
                    AND c.sent + c.failed - c.unsent + c.retrying + c.bounced > 0 LIMIT 1
            ) LIMIT 1
        )
        UNION ALL
        SELECT 'over', d.id FROM sending d
        WHERE (SELECT true FROM deliveries_chunk c WHERE c.delivery_id = d.id AND NOT c.done LIMIT 1) IS NULL
            AND (SELECT true FROM deliveries_try t WHERE t.delivery_id = d.id LIMIT 1) IS NULL
        UNION ALL
        -- What ended long ago and was never gone through is looked at once a minute.
        SELECT 'stopped', d.id FROM (
            SELECT id FROM deliveries_delivery
            WHERE status IN ('stopped', 'failed')
                AND (coalesce(ended_at > %(yesterday)s, true) OR id %% 60 = extract(second FROM %(at)s)::int)
        ) d
        WHERE (SELECT true FROM deliveries_chunk c WHERE c.delivery_id = d.id AND NOT c.done LIMIT 1)
            OR (SELECT true FROM deliveries_try t WHERE t.delivery_id = d.id LIMIT 1)
    )
    SELECT f.due, f.id, coalesce(p.to_deliver, 0)
    FROM found f JOIN deliveries_delivery d ON d.id = f.id
    LEFT JOIN deliveries_preparation p ON p.id = d.preparation_id
    ORDER BY f.id
"""


@contextmanager
def planned() -> Iterator[None]:
    """Turn PostgreSQL's compilation off inside: these statements are planned for many rows and find few."""
    if prepared.is_without_jit():
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('jit', 'off', true)")
        yield


def due(at: datetime, *, ahead: timedelta, is_calm: bool = False) -> list[Found]:
    """Return what needs attention, by delivery. `ahead`: how long before its date a delivery begins.

    `is_calm`: nothing was due and no lane was wanted a moment ago, so that a kept plan still fits the tables.
    """
    slots = {"at": at, "soon": at + ahead, "yesterday": at - timedelta(days=1), "slice": AT_ONE_TICK}
    with planned():
        return [Found(Due(due), *one) for due, *one in prepared.rows(_DUE, slots, keep=is_calm)]


@dataclass(frozen=True)
class Ready:
    """A delivery of which something may leave, now or in a moment, and which has fewer lanes than are set."""

    delivery_id: int
    own_limit: int | None
    route: int | None
    route_limit: int | None
    lanes: int
    parts: int  # chunks and later tries that a lane could take


_TAKEN = """
    SELECT delivery_id, lease_by FROM deliveries_chunk WHERE NOT done AND token > 0 AND lease_until > %(at)s
    UNION SELECT delivery_id, lease_by FROM deliveries_try WHERE handed AND lease_until > %(at)s
"""

_READY = f"""
    WITH halted AS MATERIALIZED (
        SELECT own.id FROM deliveries_halt h
        JOIN accounts_organizationalunit above ON above.id = h.unit_id
        JOIN accounts_organizationalunit own ON starts_with(own.path, above.path)
        WHERE h.lifted_at IS NULL
    ), slice AS MATERIALIZED ({SLICE}), candidates AS MATERIALIZED (
        SELECT id, unit_id, route_id, limit_per_hour, schedule_kind IN ('local_hour', 'waves') AS has_moments
        FROM slice CROSS JOIN deliveries_delivery
        WHERE (
                (status = 'sending' AND (%(only)s::bigint IS NOT NULL OR id %% slice.number = slice.turn))
                OR (status IN ('sending', 'scheduled') AND id = ANY(%(released)s))
            )
            AND (%(only)s::bigint IS NULL OR id = %(only)s)
    )
    SELECT d.id, d.limit_per_hour, r.id, r.limit_per_hour, lanes.n, parts.n + tries.n
    FROM candidates d
    LEFT JOIN deliveries_route r ON CASE WHEN d.route_id IS NULL THEN r.is_default ELSE r.id = d.route_id END
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT 1 FROM deliveries_chunk c
            WHERE NOT d.has_moments AND c.delivery_id = d.id AND NOT c.done AND c.lease_until IS NULL
                AND c.handed_upto < c.seq_to AND (c.not_before IS NULL OR c.not_before <= %(soon)s)
            UNION ALL
            SELECT 1 FROM deliveries_moment m CROSS JOIN LATERAL (
                SELECT 1 FROM deliveries_chunk c
                WHERE c.delivery_id = d.id AND c.moment = m.number AND NOT c.done AND c.lease_until IS NULL
                    AND c.handed_upto < c.seq_to AND (c.not_before IS NULL OR c.not_before <= %(soon)s)
                LIMIT %(most)s
            ) free
            WHERE d.has_moments AND m.delivery_id = d.id AND (
                m.opened_at IS NOT NULL
                OR (m.not_before <= %(soon)s AND deliveries_may_leave(d.id, m.number, %(ahead)s))
            )
            LIMIT %(most)s
        ) free
    ) parts
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT 1 FROM deliveries_try t
            WHERE t.delivery_id = d.id AND NOT t.handed AND t.due_at <= %(at)s LIMIT 1
        ) due
    ) tries
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT c.lease_by FROM deliveries_chunk c
            WHERE c.delivery_id = d.id AND NOT c.done AND c.token > 0 AND c.lease_until > %(at)s
            UNION SELECT t.lease_by FROM deliveries_try t
            WHERE t.delivery_id = d.id AND t.handed AND t.lease_until > %(at)s
        ) taken
    ) lanes
    WHERE d.unit_id NOT IN (SELECT id FROM halted)
        AND (r.closed_until IS NULL OR r.closed_until <= %(at)s)
        AND parts.n + tries.n > 0 AND lanes.n < %(most)s
    ORDER BY d.id <= %(after)s, d.id LIMIT %(room)s
"""


def ready(
    at: datetime,
    *,
    ahead: timedelta,
    room: int,
    after: int = 0,
    released: list[int] | None = None,
    only: int | None = None,
    is_calm: bool = False,
) -> list[Ready]:
    """Return at most `room` deliveries of which something may leave: those behind delivery `after` first.

    `released`: scheduled ones that are to begin; `only`: no other than this one.
    """
    slots = {
        "at": at, "soon": at + ahead, "ahead": ahead, "after": after, "room": room, "only": only,
        "released": released or [], "most": settings.SINETE["lanes"], "slice": AT_ONE_TICK,
    }  # fmt: skip
    with planned():
        return [Ready(*row) for row in prepared.rows(_READY, slots, keep=is_calm)]


def is_anything_sent() -> bool:
    """Whether any delivery is Sending, which costs far less to ask than what `ready` asks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM deliveries_delivery WHERE status = 'sending')")
        return bool(cursor.fetchone()[0])


def with_lanes(at: datetime) -> set[int]:
    """Return the deliveries that some lane has in hand."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT delivery_id FROM ({_TAKEN}) taken", {"at": at})
        return {row[0] for row in cursor.fetchall()}
