"""What is known of the deliveries that an alert could be about, in one statement for all of them.

Messages come from the chunks' tallies, opt-outs from the stored statistics, complaints from the reports that prove
theirs: no message is read, and no hit of a machine is in any of it. What it costs follows what moves, and what ended a
short while ago.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaign.lib import clock
from deliveries.models import ANSWERED_ROWS, REFUSED_ROWS, TALLIES

ENDED_LATELY = timedelta(hours=1)  # so long after its end each look sees a delivery
OLDEST = timedelta(days=7)  # and so long the hourly one: complaints and bounces come late
NOTED_EVERY = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=30)  # what waits for a confirmation longer is forgotten

_COMPLAINTS = """
    SELECT count(DISTINCT r.seq) AS complaints FROM feedback_report r
    WHERE r.delivery_id = d.id AND r.kind = 'complaint' AND r.is_current AND r.seq >= 1
"""

_STANDING = f"""
    WITH looked_at AS (
        SELECT id FROM deliveries_delivery WHERE status IN ('scheduled', 'sending', 'paused')
        UNION SELECT id FROM deliveries_delivery
            WHERE status IN ('ready', 'preparation_failed') AND changed_at >= %(waits_since)s
        UNION SELECT id FROM deliveries_delivery WHERE ended_at >= %(ended_since)s
        UNION SELECT delivery_id FROM alerts_alert WHERE closed_at IS NULL
    )
    SELECT d.id AS delivery_id, d.unit_id, u.path, d.status, d.changed_at, d.ended_at,
        d.contact_date, d.execution_of_id IS NOT NULL AS is_run,
        coalesce(d.first_moment, d.contact_date, c.leaves_at, c.at) AS due_at,
        EXISTS (
            SELECT 1 FROM deliveries_halt h JOIN accounts_organizationalunit hu ON hu.id = h.unit_id
            WHERE h.lifted_at IS NULL AND starts_with(u.path, hu.path)
        ) AS is_halted,
        coalesce(t.answered, 0) AS answered, coalesce(t.refused, 0) AS refused, coalesce(t.delivered, 0) AS delivered,
        coalesce(t.handled, 0) AS handled,
        CASE WHEN coalesce(t.delivered, 0) = 0 THEN 0 ELSE k.complaints END AS complaints,
        coalesce(s.unsubscribers, 0) AS opt_outs,
        d.status = 'sending' AND (t.is_ready OR EXISTS (
            SELECT 1 FROM deliveries_try y WHERE y.delivery_id = d.id AND NOT y.handed AND y.due_at <= %(at)s
        )) AS is_ready,
        (SELECT min(m.held_at) FROM deliveries_moment m
            WHERE m.delivery_id = d.id AND m.held_at IS NOT NULL AND m.released_at IS NULL) AS wave_held_at,
        least(d.limit_per_hour, r.limit_per_hour) AS per_hour,
        p.handled AS handled_before, p.moved_at
    FROM looked_at
    JOIN deliveries_delivery d USING (id)
    JOIN accounts_organizationalunit u ON u.id = d.unit_id
    LEFT JOIN deliveries_route r ON r.id = coalesce(
        d.route_id, (SELECT id FROM deliveries_route WHERE is_default ORDER BY id LIMIT 1))
    LEFT JOIN deliveries_confirmation c
        ON d.status = 'scheduled' AND c.delivery_id = d.id AND c.taken_back_at IS NULL
    LEFT JOIN alerts_pulse p ON p.delivery_id = d.id
    LEFT JOIN reporting_deliverystatistics s ON s.delivery_id = d.id
    LEFT JOIN LATERAL (
        SELECT sum{ANSWERED_ROWS} AS answered, sum{REFUSED_ROWS} AS refused, sum(sent) AS delivered,
            sum(handed_upto + {" + ".join(TALLIES)}) AS handled,
            bool_or(NOT done AND coalesce(not_before, '-infinity') <= %(at)s AND (moment IS NULL OR EXISTS (
                SELECT 1 FROM deliveries_moment m
                WHERE m.delivery_id = d.id AND m.number = moment AND m.opened_at IS NOT NULL
            ))) AS is_ready
        FROM deliveries_chunk WHERE delivery_id = d.id
    ) t ON d.started_at IS NOT NULL
    LEFT JOIN LATERAL ({_COMPLAINTS}) k ON d.started_at IS NOT NULL
    WHERE d.schedule_kind <> 'recurring' OR d.status IN ('ready', 'preparation_failed')
    ORDER BY d.id
"""

# Written only where something moved, so that a send that stands still costs no write; one that rightly rests, since
# people stopped it or nothing may leave before a moment, is noted once a minute: it did not stand still meanwhile.
_BEAT = """
    INSERT INTO alerts_pulse (delivery_id, handled, moved_at)
    SELECT id, handled, %(at)s FROM unnest(%(ids)s::bigint[], %(handled)s::bigint[]) AS seen (id, handled)
    WHERE EXISTS (SELECT 1 FROM deliveries_delivery d WHERE d.id = seen.id FOR KEY SHARE)
    ON CONFLICT (delivery_id) DO UPDATE SET handled = excluded.handled, moved_at = excluded.moved_at
"""

LIKE, LIKE_SINCE = 20, timedelta(days=180)  # deliveries that a unit is compared by, and how old they may be
KEPT = timedelta(hours=1)  # so long what is usual in a unit is not counted again

_BASELINE = f"""
    INSERT INTO alerts_baseline (unit_id, at, deliveries, answered, refused, delivered, complaints, opt_outs)
    SELECT asked.id, %(at)s, count(d.id), coalesce(sum(t.answered), 0), coalesce(sum(t.refused), 0),
        coalesce(sum(t.delivered), 0), coalesce(sum(k.complaints), 0), coalesce(sum(s.unsubscribers), 0)
    FROM unnest(%(units)s::bigint[]) AS asked (id)
    LEFT JOIN LATERAL (
        SELECT id FROM deliveries_delivery
        WHERE unit_id = asked.id AND status = 'finished' AND schedule_kind <> 'recurring' AND ended_at >= %(since)s
        ORDER BY ended_at DESC LIMIT {LIKE}
    ) d ON true
    LEFT JOIN LATERAL (
        SELECT sum{ANSWERED_ROWS} AS answered, sum{REFUSED_ROWS} AS refused, sum(sent) AS delivered
        FROM deliveries_chunk WHERE delivery_id = d.id
    ) t ON true
    LEFT JOIN LATERAL ({_COMPLAINTS}) k ON true
    LEFT JOIN reporting_deliverystatistics s ON s.delivery_id = d.id
    GROUP BY asked.id
    ON CONFLICT (unit_id) DO UPDATE SET at = excluded.at, deliveries = excluded.deliveries,
        answered = excluded.answered, refused = excluded.refused, delivered = excluded.delivered,
        complaints = excluded.complaints, opt_outs = excluded.opt_outs
"""


@dataclass(frozen=True)
class Standing:
    """One delivery as a look finds it. Of messages those with an answer of a server, refused and delivered."""

    delivery_id: int
    unit_id: int
    path: str
    status: str
    changed_at: datetime
    ended_at: datetime | None = None
    contact_date: datetime | None = None
    is_run: bool = False
    due_at: datetime | None = None
    is_halted: bool = False
    answered: int = 0
    refused: int = 0
    delivered: int = 0
    handled: int = 0
    complaints: int = 0
    opt_outs: int = 0
    is_ready: bool = False  # something of it may leave now
    wave_held_at: datetime | None = None
    per_hour: int | None = None
    handled_before: int | None = None
    moved_at: datetime | None = None

    @property
    def lineage(self) -> list[int]:
        """The ids of its unit and of those above, from the root down."""
        return [int(part) for part in self.path.split("/") if part]

    @property
    def has_moved(self) -> bool:
        """Whether anything of it happened since the look before, or nobody has looked yet."""
        return self.moved_at is None or self.handled != self.handled_before


_COLUMNS = ", ".join(f"f.{field.name}" for field in fields(Standing))


def standings(at: datetime, *, is_wide: bool = False) -> list[Standing]:
    """Return what may need an alert at `at`, and what has one; `is_wide`: whatever ended within a week, too."""
    slots = {"at": at} | _since(at, OLDEST if is_wide else ENDED_LATELY)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM ({_STANDING}) f", slots)
        return [Standing(*row) for row in cursor.fetchall()]


def _since(at: datetime, ended: timedelta) -> dict[str, datetime]:
    return {"ended_since": at - ended, "waits_since": at - LONGEST_WAIT}


def is_anything() -> bool:
    """Whether a look could find anything: a delivery that moves, waits or has just ended, or an alert that is open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM deliveries_delivery WHERE status IN ('scheduled', 'sending', 'paused'))"
            " OR EXISTS (SELECT 1 FROM deliveries_delivery"
            "    WHERE status IN ('ready', 'preparation_failed') AND changed_at >= %(waits_since)s)"
            " OR EXISTS (SELECT 1 FROM deliveries_delivery WHERE ended_at >= %(ended_since)s)"
            " OR EXISTS (SELECT 1 FROM alerts_alert WHERE closed_at IS NULL)",
            _since(clock.now(), ENDED_LATELY),
        )
        return bool(cursor.fetchone()[0])


def note_pulse(seen: Iterable[Standing], *, at: datetime) -> None:
    """Note how far those came that moved, and that those rest that may."""
    moved = [one for one in seen if one.status == "sending" and (one.has_moved or _rests(one, at))]
    if not moved:
        return
    slots: dict[str, Any] = {
        "at": at,
        "ids": [one.delivery_id for one in moved],
        "handled": [one.handled for one in moved],
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, slots)


def _rests(one: Standing, at: datetime) -> bool:
    """Whether it has rightly stood still, and nobody has noted that for a while."""
    is_old = one.moved_at is not None and one.moved_at < at - NOTED_EVERY
    return is_old and (one.is_halted or not one.is_ready)


def count_usual(units: Iterable[int], *, at: datetime) -> None:
    """Count what is usual in these units, together over their last finished deliveries."""
    asked = sorted(set(units))
    if not asked:
        return
    with connection.cursor() as cursor:
        cursor.execute(_BASELINE, {"at": at, "units": asked, "since": at - LIKE_SINCE})
