"""The staging table: the audience, and for each profile the cause that excludes it, if any.

Rows belong to one run, by preparation and token. The table is unlogged: a crash of PostgreSQL empties it, so what
was staged is counted on the way, and compared before anything is made of it.
"""

from collections import Counter
from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext_noop as n_
from psycopg import sql

from accounts.units import unit_tracking
from audiences import tracking
from audiences.fields.fields import fields as profile_fields
from audiences.fields.fields import value_sql
from audiences.quarantine import suppression
from campaign.lib import clock, planner
from deliveries.channels.paths import domain_key
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.models import Cause, Delivery, MessageStatus, Preparation, ScheduleKind
from deliveries.preparation import lease, target
from deliveries.preparation.progress import log, progress
from deliveries.schedule import planning
from deliveries.schedule.moments import Group

SLICE = 50_000  # profile ids at a time
STAGED_PERCENT = 70
DOMAINS_KEPT = 1_000


class Lost(Exception):
    """Staged rows are missing."""


def stage(preparation: Preparation, compiled: Compiled) -> int:
    """Put the audience into staging with each profile's cause of exclusion, if any; return how many."""
    insert = _staging_insert(compiled, preparation.delivery)
    targeted = 0
    for chosen, done in target.slices(preparation.delivery, size=SLICE):
        chosen_sql, chosen_params = chosen.query.sql_with_params()
        with lease.statement(preparation) as cursor:
            cursor.execute(insert.replace("__CHOSEN__", chosen_sql), [*preparation.staging, *chosen_params])
            targeted += cursor.rowcount
        progress(preparation, 5 + int(done * (STAGED_PERCENT - 5)), targeted=targeted)
    planner.rows_came(targeted, "deliveries_staging")
    if targeted:
        log(preparation, n_("Target counted: %(targeted)s profiles"), targeted=targeted)
    return targeted


def _staging_insert(compiled: Compiled, delivery: Delivery) -> str:
    """Return the statement for one slice: addresses, with the values of just the fields that the content uses."""
    by_name = {field.name: field for field in profile_fields()}
    pairs = [
        sql.SQL("{}, {}").format(sql.Literal(name), value_sql(by_name[name]))
        for name in compiled.used_fields
        if name in by_name
    ]
    # A function of PostgreSQL takes a hundred arguments at most.
    groups = [pairs[start : start + 50] for start in range(0, len(pairs), 50)] or [[]]
    objects = sql.SQL(" || ").join(
        sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(group)) for group in groups
    )
    connection.ensure_connection()
    object_ = sql.SQL("jsonb_strip_nulls({})").format(objects).as_string(connection.connection)
    values = object_.replace("%", "%%")
    service = str(int(delivery.service_id)) if delivery.service_id else "NULL"
    suppressed = suppression.of("p", key="p.email_key", service=service)
    tracked = tracking.allowed("p", unasked=str(unit_tracking.tracks_unasked(delivery.unit)).lower())
    zone = "p.time_zone" if delivery.schedule_kind == ScheduleKind.LOCAL_HOUR else "''"
    return f"""
        INSERT INTO deliveries_staging
            (preparation_id, token, profile_id, address, address_key, "values", zone, tracked, cause)
        SELECT %s, %s, p.id, p.email, p.email_key, {values}, {zone}, {tracked},
            CASE
                WHEN p.email_state = 'missing' THEN '{Cause.NO_ADDRESS}'
                WHEN p.email_state = 'malformed' THEN '{Cause.MALFORMED}'
                ELSE suppressed.cause
            END
        FROM audiences_profile p CROSS JOIN LATERAL {suppressed} suppressed
        WHERE p.id IN (__CHOSEN__)
    """


def mark_written_to(preparation: Preparation) -> None:
    """Exclude from a remainder's target whoever's address got the original, or may have got it."""
    earlier = target.originals(preparation.delivery)
    if not earlier:
        return
    with lease.statement(preparation) as cursor:
        cursor.execute(
            """
            UPDATE deliveries_staging s SET cause = %s
            WHERE s.preparation_id = %s AND s.token = %s AND s.cause IS NULL AND s.address_key IN (
                SELECT m.address_key FROM deliveries_message m
                WHERE m.delivery_id = ANY(%s) AND NOT m.status = ANY(%s) AND NOT (m.status = %s AND m.tries = 0)
            )
            """,
            [Cause.WRITTEN_TO, *preparation.staging, earlier, _NEVER_LEFT, int(MessageStatus.FAILED)],
        )


_NEVER_LEFT = [
    int(status)
    for status in (
        MessageStatus.PREPARED, MessageStatus.IGNORED, MessageStatus.CANCELLED, MessageStatus.ERASED
    )
]  # fmt: skip


def mark_duplicates(preparation: Preparation) -> None:
    """Exclude all but the first, by id, of the profiles that share an address."""
    with lease.statement(preparation) as cursor:
        cursor.execute(
            """
            UPDATE deliveries_staging s SET cause = %s
            FROM (
                SELECT ctid AS found, row_number() OVER (PARTITION BY address_key ORDER BY profile_id) AS place
                FROM deliveries_staging WHERE preparation_id = %s AND token = %s AND cause IS NULL
            ) ranked
            WHERE s.ctid = ranked.found AND ranked.place > 1  -- nobody else changes them: each is where it was found
            """,
            [Cause.DUPLICATE, *preparation.staging],
        )


def mark_hours(preparation: Preparation, findings: list[Finding]) -> list[Group]:
    """Return one group for each time zone, with its moment; none where the schedule is not by local hour.

    Where the schedule says so, profiles whose hour has passed are marked as excluded (HOUR_PASSED). Warnings are
    appended to `findings`.
    """
    delivery = preparation.delivery
    if delivery.schedule_kind != ScheduleKind.LOCAL_HOUR:
        return []
    at = clock.now()
    groups = planning.zones_of(preparation.staging, delivery, at)
    out = [name for group in groups if group.is_left_out for name in group.named]
    with lease.statement(preparation) as cursor:
        cursor.execute(
            "UPDATE deliveries_staging SET cause = %s"
            " WHERE preparation_id = %s AND token = %s AND cause IS NULL AND zone = ANY(%s)",
            [Cause.HOUR_PASSED, *preparation.staging, out],
        )
    findings += planning.hour_findings(delivery, groups, at)
    return groups


def count_causes(preparation: Preparation, *, targeted: int) -> dict[str, int]:
    """Return how many each cause excluded that was looked at, zero included; raise Lost where rows are missing."""
    with lease.statement(preparation) as cursor:
        cursor.execute(
            "SELECT cause, count(*) FROM deliveries_staging WHERE preparation_id = %s AND token = %s GROUP BY cause",
            [*preparation.staging],
        )
        found = dict(cursor.fetchall())
    if (there := sum(found.values())) != targeted:
        raise Lost(f"{there} of {targeted} staged rows are there")
    delivery = preparation.delivery
    aside = {
        Cause.WRITTEN_TO: delivery.remainder_of_id is None,
        Cause.NOT_SUBSCRIBED: delivery.service_id is None,
        Cause.HOUR_PASSED: delivery.schedule_kind != ScheduleKind.LOCAL_HOUR,
    }
    looked_at = [cause for cause in Cause if not aside.get(cause)]
    causes = {cause.value: found.get(cause.value, 0) for cause in looked_at}
    for cause, number in causes.items():
        if number:
            log(
                preparation,
                n_("%(cause)s: %(number)s excluded"),
                cause=str(Cause(cause).label),
                number=number,
            )
    return causes


def count_domains(preparation: Preparation, *, limited: Sequence[str]) -> dict[str, int]:
    """Return how many messages go to each domain: to the largest, and to all that are `limited` now.

    They are counted once, so that a limit which is set later can be judged without reading the messages.
    """
    with lease.statement(preparation) as cursor:
        cursor.execute(
            """
            SELECT lower(split_part(address, '@', -1)) AS domain, count(*) FROM deliveries_staging
            WHERE preparation_id = %s AND token = %s AND cause IS NULL GROUP BY 1
            ORDER BY lower(split_part(address, '@', -1)) = ANY(%s) DESC, 2 DESC, 1 LIMIT %s
            """,
            [*preparation.staging, list(limited), DOMAINS_KEPT + len(limited)],
        )
        counted: Counter[str] = Counter()
        for domain, number in cursor.fetchall():
            counted[domain_key(domain)] += number
    return dict(counted)


def clear(preparation: Preparation, *, earlier_ones: bool = False) -> None:
    """Delete the rows of this run and of those it took over; with `earlier_ones`, of all that ended before it too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM deliveries_staging WHERE preparation_id = %s AND token <= %s", [*preparation.staging]
        )
        if earlier_ones:
            cursor.execute(
                "DELETE FROM deliveries_staging WHERE preparation_id IN"
                " (SELECT id FROM deliveries_preparation WHERE delivery_id = %s AND status <> 'running')",
                [preparation.delivery_id],
            )
