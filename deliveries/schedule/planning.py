"""The sending plan of a delivery: its messages in their order, its moments, its chunks, written and read.

A delivery at a local hour has a moment for each zone, one in waves a moment for each wave; all others have none, and
their chunks may leave at the same time. Everything is done by zones and waves, which are few, never recipient by
recipient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from campaign.lib.refusals import Refusal
from deliveries.content.findings import Finding
from deliveries.ledger import deleting
from deliveries.models import Delivery, Moment, PastChoice, ScheduleKind
from deliveries.schedule import moments
from deliveries.schedule.moments import Crowd, Group


class HourPassed(Refusal):
    message = _(
        "Since it was prepared the hour has passed for %(people)s people, who are to be left out then. "
        "Prepare it again, or choose another hour."
    )
    code = "hour_passed"


Staging = tuple[int, int]  # whose rows: a preparation's id, and the token of its run


@dataclass(frozen=True)
class Segment:
    """Consecutive messages that may leave from the same time on. `number` None: the delivery has no moments."""

    people: int
    not_before: datetime | None
    number: int | None = None
    zone: str = ""
    without_zone: int = 0
    gap_seconds: int | None = None


# -- what is written before anybody decides ----------------------------------------------------------------


def zones_of(staging: Staging, delivery: Delivery, at: datetime) -> list[Group]:
    """Return the moments of a delivery at a local hour, for those in staging who are not excluded."""
    assert delivery.local_date is not None
    assert delivery.local_hour is not None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT zone, count(*) FROM deliveries_staging"
            " WHERE preparation_id = %s AND token = %s AND cause IS NULL GROUP BY zone",
            [*staging],
        )
        crowds = [Crowd(zone, people) for zone, people in cursor.fetchall()]
    return moments.groups(
        crowds,
        day=delivery.local_date,
        hour=delivery.local_hour,
        fallback=delivery.time_zone,
        past=delivery.past_choice,
        at=at,
    )


def runs_of(delivery: Delivery, groups: Sequence[Group], people: int) -> list[Segment]:
    """Return what leaves when: by zone, by wave, or all at the same time."""
    if delivery.schedule_kind == ScheduleKind.LOCAL_HOUR:
        return [
            Segment(group.people, group.not_before, number, group.zone, group.without_zone)
            for number, group in enumerate((g for g in groups if not g.is_left_out), start=1)
        ]
    if delivery.schedule_kind == ScheduleKind.WAVES:
        return _waves(delivery, people)
    return [Segment(people, delivery.contact_date)]


def _waves(delivery: Delivery, people: int) -> list[Segment]:
    gap = timedelta(minutes=delivery.wave_minutes or 0)
    start = delivery.contact_date
    return [
        Segment(size, start and start + place * gap, place + 1, gap_seconds=int(gap.total_seconds()))
        for place, size in enumerate(moments.wave_sizes(delivery.wave_by, delivery.wave_value or 1, people))
    ]


def write_messages(delivery: Delivery, staging: Staging, groups: Sequence[Group]) -> int:
    """Write the rows in their order of sending: by moment, then by a hash of profile and delivery; return how many.

    Each has a salt of its own, which can't be guessed from those of others: it is derived from a key that exists
    only during the statement. A random number for each row would take PostgreSQL five times as long.
    """
    places = [(name, place) for place, group in enumerate(groups) for name in group.named]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH secret AS MATERIALIZED (
                SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) AS key
            )
            INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, "values", tracked, salt)
            SELECT %(delivery)s, row_number() OVER (
                       ORDER BY g.place, hashint8extended(s.profile_id, %(key)s), s.profile_id
                   ), s.profile_id, s.address, s.address_key, s."values", s.tracked,
                   substring(sha256(secret.key || int8send(s.profile_id)) FOR 16)
            FROM deliveries_staging s CROSS JOIN secret
            LEFT JOIN unnest(%(zones)s::text[], %(places)s::int[]) AS g(zone, place) ON g.zone = s.zone
            WHERE s.preparation_id = %(preparation)s AND s.token = %(token)s AND s.cause IS NULL ORDER BY 2
            """,
            {
                "delivery": delivery.pk,
                "key": delivery.key,
                "preparation": staging[0],
                "token": staging[1],
                "zones": [name for name, _place in places],
                "places": [place for _name, place in places],
            },
        )
        return cursor.rowcount


def reorder(delivery: Delivery, *, at: datetime) -> list[Group]:
    """Put prepared messages in the order of a new schedule; return the zones' moments, if it has any.

    Zones are those that the profiles have now; addresses and values stay as they were frozen.
    """
    staging: Staging = (delivery.latest_preparation().pk, 0)  # a token that no run of the preparation has
    slots = {"delivery": delivery.pk, "preparation": staging[0]}
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR_STAGING, slots)
        cursor.execute(
            """
            INSERT INTO deliveries_staging
                (preparation_id, token, profile_id, address, address_key, "values", zone, tracked)
            SELECT %(preparation)s, 0, m.profile_id, m.address, m.address_key, m."values", coalesce(p.time_zone, ''),
                m.tracked
            FROM deliveries_message m LEFT JOIN audiences_profile p ON p.id = m.profile_id
            WHERE m.delivery_id = %(delivery)s
            """,
            slots,
        )
        is_local = delivery.schedule_kind == ScheduleKind.LOCAL_HOUR
        groups = zones_of(staging, delivery, at) if is_local else []
        deleting.delete(delivery.pk, tables=["message"])
        write_messages(delivery, staging, groups)
        cursor.execute(_CLEAR_STAGING, slots)
    return groups


_CLEAR_STAGING = "DELETE FROM deliveries_staging WHERE preparation_id = %(preparation)s AND token = 0"


def write_runs(delivery: Delivery, runs: Sequence[Segment]) -> None:
    """Write moments and chunks anew; no chunk holds rows of two moments. Only before anything was released."""
    ends = _ends(runs)
    deleting.delete(delivery.pk, tables=["chunk", "moment"])
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_chunk
                (delivery_id, number, seq_from, seq_to, not_before, moment, digest, handed_upto)
            SELECT %(delivery)s, row_number() OVER (ORDER BY first), first, least(first + %(rows)s - 1, r.seq_to),
                   r.not_before, r.moment,
                   deliveries_chunk_digest(%(delivery)s, first, least(first + %(rows)s - 1, r.seq_to)), first - 1
            FROM unnest(%(moments)s::int[], %(gates)s::timestamptz[], %(from)s::int[], %(to)s::int[])
                    AS r(moment, not_before, seq_from, seq_to),
                generate_series(r.seq_from, r.seq_to, %(rows)s) AS first
            ORDER BY 2
            """,
            {
                "delivery": delivery.pk,
                "rows": settings.SINETE["chunk_rows"],
                "moments": [run.number for run in runs],
                "gates": [run.not_before for run in runs],
                "from": [end - run.people + 1 for run, end in zip(runs, ends, strict=True)],
                "to": ends,
            },
        )
    Moment.objects.bulk_create(
        Moment(
            delivery=delivery, number=run.number, zone=run.zone, without_zone=run.without_zone,
            not_before=run.not_before, gap_seconds=run.gap_seconds, seq_from=end - run.people + 1, seq_to=end,
        )
        for run, end in zip(runs, ends, strict=True) if run.number is not None
    )  # fmt: skip
    _note_bounds(delivery, [run.not_before for run in runs if run.number is not None])


def _ends(runs: Sequence[Segment]) -> list[int]:
    ends, end = [], 0
    for run in runs:
        end += run.people
        ends.append(end)
    return ends


def _note_bounds(delivery: Delivery, gates: Sequence[datetime | None]) -> None:
    """Write first and last moment into the delivery's row, where lists and the tick read them; none: at once."""
    known = [gate for gate in gates if gate is not None]
    before = delivery.first_moment, delivery.last_moment
    delivery.first_moment = min(known) if known and len(known) == len(gates) else None
    delivery.last_moment = max(known, default=None)
    if before != (delivery.first_moment, delivery.last_moment):
        delivery.save(update_fields=["first_moment", "last_moment"])


def frozen(runs: Sequence[Segment]) -> dict[str, Any]:
    """Return what the seal covers of the plan; nothing where the schedule alone determines it."""
    rows = [
        [
            run.number,
            run.zone,
            run.not_before.isoformat() if run.not_before else None,
            run.gap_seconds,
            run.people,
        ]
        for run in runs
        if run.number is not None
    ]
    return {"moments": rows} if rows else {}


# -- at confirmation ---------------------------------------------------------------------------------------


def settle(delivery: Delivery, *, at: datetime, grace: timedelta) -> None:
    """Give every moment its time; those that have passed are treated as the schedule says. The row must be locked.

    Raise HourPassed where the schedule leaves somebody out who was prepared.
    """
    if not delivery.has_moments:
        return
    _save_gates(delivery, settled(delivery, at=at, grace=grace))


def settled(delivery: Delivery, *, at: datetime, grace: timedelta = timedelta()) -> list[Moment]:
    """Return the moments as a confirmation at `at` would fix them; nothing is written.

    Raise HourPassed where the hour of some people has passed and the schedule leaves them out.
    """
    rows = list(delivery.moments.order_by("number"))
    if delivery.schedule_kind == ScheduleKind.WAVES:
        start = delivery.contact_date or at + grace
        for row in rows:
            row.not_before = start + (row.number - 1) * timedelta(seconds=row.gap_seconds or 0)
        return rows
    late = [row for row in rows if row.not_before is None or row.not_before <= at]
    if late and delivery.past_choice == PastChoice.LEAVE_OUT:
        raise HourPassed(people=sum(row.people for row in late))
    for row in late:
        row.not_before = _instead(delivery, row, at, grace)
    return rows


def _instead(delivery: Delivery, row: Moment, at: datetime, grace: timedelta) -> datetime:
    if delivery.past_choice == PastChoice.NOW:
        return at + grace
    assert delivery.local_date is not None
    assert delivery.local_hour is not None
    return moments.next_instant(delivery.local_date, delivery.local_hour, row.zone, after=at)


def unsettle(delivery: Delivery) -> None:
    """Take the times of waves that leave at once away again, because the confirmation was taken back."""
    if delivery.schedule_kind == ScheduleKind.WAVES and delivery.contact_date is None:
        rows = list(delivery.moments.order_by("number"))
        for row in rows:
            row.not_before = None
        _save_gates(delivery, rows)


def _save_gates(delivery: Delivery, rows: Sequence[Moment]) -> None:
    """Write the times of moments into them and their chunks, which are written anew: a chunk's time never changes."""
    slots: dict[str, Any] = {
        "delivery": delivery.pk,
        "numbers": [row.number for row in rows],
        "gates": [row.not_before for row in rows],
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE deliveries_moment m SET not_before = g.gate
            FROM unnest(%(numbers)s::int[], %(gates)s::timestamptz[]) AS g(number, gate)
            WHERE m.delivery_id = %(delivery)s AND m.number = g.number
            """,
            slots,
        )
        cursor.execute(
            """
            WITH old AS (
                DELETE FROM deliveries_chunk
                WHERE delivery_id = %(delivery)s AND moment = ANY(%(numbers)s)
                  AND handed_upto < seq_from AND lease_until IS NULL AND NOT done
                RETURNING number, seq_from, seq_to, digest, moment, token, erased, redacted
            )
            INSERT INTO deliveries_chunk
                (delivery_id, number, seq_from, seq_to, not_before, moment, digest, handed_upto, token, erased,
                 redacted)
            SELECT %(delivery)s, old.number, seq_from, seq_to, g.gate, moment, digest, seq_from - 1, token, erased,
                   redacted
            FROM old JOIN unnest(%(numbers)s::int[], %(gates)s::timestamptz[]) AS g(number, gate)
                ON g.number = old.moment
            """,
            slots,
        )
    _note_bounds(delivery, list(delivery.moments.values_list("not_before", flat=True)))


def move_waves(delivery: Delivery, *, first: Moment, at: datetime) -> None:
    """Let that wave leave now, and those after it an interval later each. The delivery's row must be locked."""
    rows = list(delivery.moments.filter(number__gte=first.number, opened_at=None).order_by("number"))
    for row in rows:
        row.not_before = at + (row.number - first.number) * timedelta(seconds=row.gap_seconds or 0)
    _save_gates(delivery, rows)


# -- what to know before anybody decides -------------------------------------------------------------------


def hour_findings(delivery: Delivery, groups: Sequence[Group], at: datetime) -> list[Finding]:
    """Return for how many the hour has passed, and for how many it passes before anybody may have confirmed."""
    minutes = settings.SINETE["confirm_minutes"]
    soon_at = at + timedelta(minutes=minutes)
    local = [(group, _hour_of(delivery, group.zone)) for group in groups]
    passed = sum(group.people for group, hour in local if hour <= at)
    soon = sum(group.people for group, hour in local if at < hour <= soon_at)
    found = []
    if passed:
        found.append(_warning("hour_passed", HOUR_PASSED[PastChoice(delivery.past_choice)], people=passed))
    if soon:
        text = HOUR_SOON[PastChoice(delivery.past_choice)]
        found.append(_warning("hour_soon", text, people=soon, minutes=minutes))
    return found


def _hour_of(delivery: Delivery, zone: str) -> datetime:
    assert delivery.local_date is not None
    assert delivery.local_hour is not None
    return moments.instant(delivery.local_date, delivery.local_hour, zone)


def _warning(code: str, text: str, **slots: int) -> Finding:
    return Finding("warning", code, text, "schedule", None, slots)


TOLD_BY_PLAN = frozenset({"hour_passed", "hour_soon"})
HOUR_PASSED = {
    PastChoice.NEXT_DAY: n_(
        "For %(people)s people the hour has passed already: they are written to at the same hour of the next day."
    ),
    PastChoice.NOW: n_("For %(people)s people the hour has passed already: they are written to with OK."),
    PastChoice.LEAVE_OUT: n_("For %(people)s people the hour has passed already: they are left out."),
}
HOUR_SOON = {
    PastChoice.NEXT_DAY: n_(
        "For %(people)s people the hour comes within %(minutes)s minutes: unless it is confirmed before, they "
        "are written to at the same hour of the next day."
    ),
    PastChoice.NOW: n_(
        "For %(people)s people the hour comes within %(minutes)s minutes: unless it is confirmed before, they "
        "are written to with OK."
    ),
    PastChoice.LEAVE_OUT: n_(
        "For %(people)s people the hour comes within %(minutes)s minutes: unless it is confirmed before, it must "
        "be prepared again without them."
    ),
}
