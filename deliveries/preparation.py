"""Target population, exclusions, messages: everything that is frozen before anybody decides.

`start` takes the step and asks a worker; `run` is that worker's whole job. It works in an unlogged
staging table, slice by slice with committed progress, and writes ledger, chunks and seal in one last
transaction. Stopped or dead at any moment it leaves nothing behind: the delivery's messages are those of
a preparation that was sealed, or there are none. Any number of jobs may run it: one does.
"""

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_noop as n_
from psycopg import sql

from accounts.models import ApprovalPolicy, User
from audiences.fields import fields as profile_fields
from audiences.fields import value_sql
from campaign.lib import clock, planner
from deliveries import activation, lifecycle, moments, planning, population, queues, routes, seal, signing
from deliveries.content.compile import Compiled
from deliveries.content.findings import Finding
from deliveries.content.render import RenderError, awkward_values
from deliveries.lifecycle import Step
from deliveries.models import (
    Cause,
    Delivery,
    LogLine,
    MessageStatus,
    Preparation,
    PreparationStatus,
    ScheduleKind,
    Status,
)
from deliveries.moments import Group
from deliveries.rendering import compile_version, content_fields, renderer
from deliveries.sending import recovery

logger = logging.getLogger(__name__)

SLICE = 50_000  # profile ids at a time
LEASE = timedelta(seconds=60)
SAMPLES = 20
MANY = 1_000  # rows that came at once; fewer are no trouble to a planner that does not know of them
STAGED_PERCENT, LISTED_PERCENT, SEALED_PERCENT = 70, 80, 100


class Abandoned(Exception):
    """Somebody stopped this preparation, or another one took its place."""


@transaction.atomic
def start(*, delivery: Delivery, by: User, at: datetime) -> Preparation:
    """The delivery is Preparing and a worker is asked to do it."""
    return _begin(delivery, Step.PREPARE, by=by, at=at)


@transaction.atomic
def start_run(*, delivery: Delivery, at: datetime) -> Preparation:
    """As `start`, for a run that the tick made: its series was activated by a person."""
    return _begin(delivery, Step.PREPARE_RUN, by=None, at=at)


def _begin(delivery: Delivery, step: Step, *, by: User | None, at: datetime) -> Preparation:
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.check(delivery, step, by=by)
    last = delivery.preparations.order_by("-number").values_list("number", flat=True).first() or 0
    preparation = Preparation.objects.create(
        delivery=delivery, number=last + 1, started_by=by, started_at=at, content=delivery.content
    )
    delivery.preparation = preparation
    delivery.save(update_fields=["preparation"])
    lifecycle.move(delivery, step, by=by, at=at, preparation=preparation.number)
    queues.PREPARE.enqueue(preparation_id=preparation.pk)
    return preparation


@transaction.atomic
def stop(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Back to Editing at once; the worker's statement in progress is cancelled."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.STOP_PREPARATION, by=by, at=at)
    preparation = delivery.latest_preparation()
    preparation.status, preparation.ended_at = PreparationStatus.STOPPED, at
    preparation.save(update_fields=["status", "ended_at"])
    _log(preparation, n_("Preparation stopped by %(by)s"), level=LogLine.Level.WARNING, by=str(by))
    transaction.on_commit(lambda: _cancel_statement(preparation.pk))
    return delivery


def run(*, preparation_id: int) -> None:
    """Carry one preparation to its end: sealed, failed with its reasons, or abandoned without a trace."""
    with _only_one(preparation_id) as mine:
        if not mine:
            return
        preparation = (
            Preparation.objects.select_related("delivery__unit", "delivery__audience", "content")
            .filter(pk=preparation_id, status=PreparationStatus.RUNNING)
            .first()
        )
        if preparation is None:
            return
        try:
            _carry_out(preparation)
        except Abandoned:
            logger.info("preparation %s was stopped", preparation_id)
        except Exception as error:
            if _passes_by_itself(error):
                if _still_running(preparation_id):
                    raise
            else:
                broken = _broken(error)
                where = "".join(traceback.format_tb(error.__traceback__))
                logger.error("preparation %s is broken: %s\n%s", preparation_id, broken.slots["error"], where)
                _fail_unless_stopped(preparation, broken)
        finally:
            _clear_staging(preparation_id)


def _passes_by_itself(error: Exception) -> bool:
    """Whether the same could go well next time: the database was away, full, or told to give up a statement."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, InterfaceError | OperationalError) and not state.startswith("54")


def _carry_out(preparation: Preparation) -> None:
    # What a worker left that was killed, at this preparation or at an earlier one: nobody works at those.
    for pk in preparation.delivery.preparations.values_list("pk", flat=True):
        _clear_staging(pk)
    parts = seal.live_parts(preparation.delivery)
    began = clock.now()
    _log(preparation, n_("Preparation %(number)s begins"), number=preparation.number)
    compiled, findings = _compile(preparation)
    findings += _schedule_findings(preparation.delivery, began)
    findings += _signing_findings(preparation)
    if compiled is None or any(finding.level == "error" for finding in findings):
        _fail(preparation, findings)
        return
    targeted = _stage(preparation, compiled)
    if not targeted:
        _fail(preparation, [*findings, _empty_target()])
        return
    if targeted >= MANY:
        planner.count_anew("deliveries_staging")
    _mark_written_to(preparation)
    _mark_duplicates(preparation)
    groups = _mark_hours(preparation, findings)
    causes = _count_causes(preparation)
    to_deliver = targeted - sum(causes.values())
    if not to_deliver:
        _fail(preparation, [*findings, _nobody_left(targeted)], targeted=targeted, causes=causes)
        return
    findings += _rendered_findings(preparation, compiled)
    findings += _waves_findings(preparation.delivery, to_deliver)
    if any(finding.level == "error" for finding in findings):
        _fail(preparation, findings, targeted=targeted, causes=causes)
        return
    _seal(
        preparation, compiled, findings, parts=parts, targeted=targeted, causes=causes, to_deliver=to_deliver,
        groups=groups, began=began,
    )  # fmt: skip
    if to_deliver >= MANY:
        planner.count_anew("deliveries_message", "deliveries_chunk")


# -- the parts of the job, in their order -------------------------------------------------------------


def _compile(preparation: Preparation) -> tuple[Compiled | None, list[Finding]]:
    if preparation.content is None:
        return None, [
            Finding("error", "empty_content", n_("The delivery has no content yet."), "content", None)
        ]
    compiled, findings = compile_version(preparation.delivery, preparation.content)
    _progress(preparation, 5)
    _log(preparation, n_("Content compiled: %(findings)s findings"), findings=len(findings))
    return compiled, findings


def _schedule_findings(delivery: Delivery, at: datetime) -> list[Finding]:
    if delivery.schedule_kind == ScheduleKind.UNSET:
        message = n_("No schedule is chosen: choose “at once” or a date.")
        return [Finding("error", "no_schedule", message, "schedule", None)]
    if _has_passed(delivery, at) and not delivery.execution_of_id:
        return [Finding("error", "date_passed", n_("The date of the schedule has passed."), "schedule", None)]
    if delivery.audience is None and delivery.remainder_of_id is None:
        return [Finding("error", "no_audience", n_("No audience is chosen."), "audience", None)]
    return []


def _has_passed(delivery: Delivery, at: datetime) -> bool:
    """Whether its date has passed; a local hour has once no clock on Earth still waits for it."""
    if delivery.local_date is not None and delivery.local_hour is not None:
        return moments.is_over(delivery.local_date, delivery.local_hour, at)
    return delivery.contact_date is not None and delivery.contact_date < at


def _waves_findings(delivery: Delivery, to_deliver: int) -> list[Finding]:
    if delivery.schedule_kind != ScheduleKind.WAVES:
        return []
    number = moments.number_of_waves(delivery.wave_by, delivery.wave_value or 1, to_deliver)
    if number <= moments.MOST_WAVES:
        return []
    text = n_("%(number)s waves are too many: choose fewer or larger ones, %(most)s at most.")
    slots = {"number": number, "most": moments.MOST_WAVES}
    return [Finding("error", "too_many_waves", text, "schedule", None, slots)]


def _signing_findings(preparation: Preparation) -> list[Finding]:
    """The route's signature is tried before anybody is asked to approve: nothing leaves unsigned later."""
    sender = preparation.content.from_address if preparation.content else ""
    return signing.findings(routes.route_of(preparation.delivery), sender=sender)


def _stage(preparation: Preparation, compiled: Compiled) -> int:
    """Put the audience into staging with each profile's cause of exclusion, if any; return how many."""
    insert = _staging_insert(compiled, preparation.delivery)
    targeted = 0
    for chosen, done in population.slices(preparation.delivery, size=SLICE):
        chosen_sql, chosen_params = chosen.query.sql_with_params()
        with transaction.atomic(), connection.cursor() as cursor:
            _still_mine(preparation)
            cursor.execute(insert.replace("__CHOSEN__", chosen_sql), [preparation.pk, *chosen_params])
            targeted += cursor.rowcount
        _progress(preparation, 5 + int(done * (STAGED_PERCENT - 5)), targeted=targeted)
    if targeted:
        _log(preparation, n_("Target counted: %(targeted)s profiles"), targeted=targeted)
    return targeted


def _staging_insert(compiled: Compiled, delivery: Delivery) -> str:
    """The statement for one slice: with each address the values of just those fields that the content uses."""
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
    zone = "p.time_zone" if delivery.schedule_kind == ScheduleKind.LOCAL_HOUR else "''"
    return f"""
        INSERT INTO deliveries_staging (preparation_id, profile_id, address, address_key, "values", zone, cause)
        SELECT %s, p.id, p.email, p.email_key, {values}, {zone},
            CASE
                WHEN p.email_state = 'missing' THEN '{Cause.NO_ADDRESS}'
                WHEN p.email_state = 'malformed' THEN '{Cause.MALFORMED}'
                WHEN p.no_email OR p.no_contact THEN '{Cause.OPTED_OUT}'
                WHEN q.id IS NOT NULL THEN '{Cause.QUARANTINED}'
            END
        FROM audiences_profile p
        LEFT JOIN audiences_quarantine q
            ON q.channel = 'email' AND q.address_key = p.email_key AND q.status IN ('quarantine', 'denylist')
        WHERE p.id IN (__CHOSEN__)
    """


def _mark_written_to(preparation: Preparation) -> None:
    """Of a remainder's target, whoever's address got the original, or perhaps did, gets nothing."""
    earlier = population.originals(preparation.delivery)
    if not earlier:
        return
    _still_mine(preparation)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE deliveries_staging s SET cause = %s
            WHERE s.preparation_id = %s AND s.cause IS NULL AND s.address_key IN (
                SELECT m.address_key FROM deliveries_message m
                WHERE m.delivery_id = ANY(%s) AND NOT m.status = ANY(%s) AND NOT (m.status = %s AND m.tries = 0)
            )
            """,
            [Cause.WRITTEN_TO, preparation.pk, earlier, _NEVER_LEFT, int(MessageStatus.FAILED)],
        )


_NEVER_LEFT = [int(MessageStatus.PREPARED), int(MessageStatus.IGNORED), int(MessageStatus.CANCELLED)]


def _mark_duplicates(preparation: Preparation) -> None:
    """Of the profiles that share an address, the first by id gets the message."""
    _still_mine(preparation)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE deliveries_staging s SET cause = %s
            FROM (
                SELECT ctid AS found, row_number() OVER (PARTITION BY address_key ORDER BY profile_id) AS place
                FROM deliveries_staging WHERE preparation_id = %s AND cause IS NULL
            ) ranked
            WHERE s.ctid = ranked.found AND ranked.place > 1  -- nobody else changes them: each is where it was found
            """,
            [Cause.DUPLICATE, preparation.pk],
        )


def _mark_hours(preparation: Preparation, findings: list[Finding]) -> list[Group]:
    """Of a delivery at a local hour the people of each zone with their moment; whose hour has passed is left
    out, if the schedule says so. What to know of them is found here."""
    delivery = preparation.delivery
    if delivery.schedule_kind != ScheduleKind.LOCAL_HOUR:
        return []
    _still_mine(preparation)
    at = clock.now()
    groups = planning.zones_of(preparation.pk, delivery, at)
    out = [name for group in groups if group.is_left_out for name in group.named]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_staging SET cause = %s"
            " WHERE preparation_id = %s AND cause IS NULL AND zone = ANY(%s)",
            [Cause.HOUR_PASSED, preparation.pk, out],
        )
    findings += planning.hour_findings(delivery, groups, at)
    return groups


def _count_causes(preparation: Preparation) -> dict[str, int]:
    """Every cause that was looked at with its number, zero included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cause, count(*) FROM deliveries_staging"
            " WHERE preparation_id = %s AND cause IS NOT NULL GROUP BY cause",
            [preparation.pk],
        )
        found = dict(cursor.fetchall())
    delivery = preparation.delivery
    aside = {
        Cause.WRITTEN_TO: delivery.remainder_of_id is None,
        Cause.HOUR_PASSED: delivery.schedule_kind != ScheduleKind.LOCAL_HOUR,
    }
    looked_at = [cause for cause in Cause if not aside.get(cause)]
    causes = {cause.value: found.get(cause.value, 0) for cause in looked_at}
    for cause, number in causes.items():
        if number:
            _log(
                preparation,
                n_("%(cause)s: %(number)s excluded"),
                cause=str(Cause(cause).label),
                number=number,
            )
    return causes


def _rendered_findings(preparation: Preparation, compiled: Compiled) -> list[Finding]:
    """Fill real and awkward recipients' messages with the code that sends: an error is found here."""
    filler = renderer(preparation.delivery, compiled)
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT "values" FROM deliveries_staging WHERE preparation_id = %s AND cause IS NULL LIMIT %s',
            [preparation.pk, SAMPLES],
        )
        real = [json.loads(row[0]) for row in cursor.fetchall()]
    used = [field for field in content_fields() if field.name in compiled.used_fields]
    moment = clock.now()
    awkward = [recipient.values for recipient in awkward_values(used)]
    for values in [*real, *awkward]:
        try:
            filler.message(seq=1, address="recipient@example.com", values=values, date=moment)
        except RenderError as error:
            return [Finding("error", "render", str(error), getattr(error, "part", "content"), None)]
    return []


@transaction.atomic
def _seal(
    preparation: Preparation,
    compiled: Compiled,
    findings: list[Finding],
    *,
    parts: dict[str, Any],
    targeted: int,
    causes: dict[str, int],
    to_deliver: int,
    groups: list[Group],
    began: datetime,
) -> None:
    """Write ledger, exclusions and chunks, seal them, and go on in the life cycle: all of it or nothing."""
    _still_mine(preparation)
    clear_ledger(preparation.delivery_id)
    runs = planning.runs_of(preparation.delivery, groups, to_deliver)
    if not preparation.delivery.is_recurring:  # which is counted and tried, and written to nobody itself
        _write_ledger(preparation, groups, runs)
    delivery = Delivery.objects.locked(preparation.delivery_id)
    if delivery.status != Status.PREPARING or delivery.preparation_id != preparation.pk:
        raise Abandoned
    at = clock.now()
    frozen = {
        "preparation": preparation.number,
        "targeted": targeted,
        "causes": causes,
        "to_deliver": to_deliver,
        "compiled": seal.fingerprint(compiled.to_json()),
        "chunks": recovery.chunk_digests(delivery.pk),
        **planning.frozen(runs),
    }
    if delivery.is_recurring:
        frozen["size_limit"] = activation.size_limit(delivery, counted=to_deliver)
    # The parts as they were read: what changed while it was prepared is a change since.
    manifest = seal.manifest(delivery, **frozen) | {"parts": parts}
    Preparation.objects.filter(pk=preparation.pk).update(
        status=PreparationStatus.DONE,
        ended_at=at,
        percent=SEALED_PERCENT,
        targeted=targeted,
        excluded=targeted - to_deliver,
        to_deliver=to_deliver,
        causes=causes,
        findings=[finding.to_dict() for finding in findings],
        manifest=manifest,
        compiled=compiled.to_json(),
        seal=seal.fingerprint(manifest),
        lease_until=None,
    )
    delivery.refresh_from_db()
    seconds = round((at - began).total_seconds(), 1)
    _log(preparation, n_("Preparation completed in %(seconds)s s: %(to_deliver)s messages, %(excluded)s excluded"),
         seconds=seconds, to_deliver=to_deliver, excluded=targeted - to_deliver)  # fmt: skip
    # A run inside of what was approved and activated as a series needs no second approval.
    is_approved = delivery.policy == ApprovalPolicy.NONE or (
        delivery.execution_of_id is not None and not activation.differences(delivery, parts)
    )
    step = Step.NEED_NO_APPROVAL if is_approved else Step.ASK_APPROVAL
    lifecycle.move(delivery, step, by=None, at=at, preparation=preparation.number)


def _write_ledger(preparation: Preparation, groups: list[Group], runs: list[planning.Run]) -> None:
    """The messages in their order of sending, the exclusions, then moments and chunks."""
    delivery = preparation.delivery
    clear_ledger(delivery.pk)
    planning.write_messages(delivery, preparation.pk, groups)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)
            SELECT %(delivery)s, %(preparation)s, profile_id, left(address, 320), cause
            FROM deliveries_staging WHERE preparation_id = %(preparation)s AND cause IS NOT NULL ORDER BY profile_id
            """,
            {"delivery": delivery.pk, "preparation": preparation.pk},
        )
    planning.write_runs(delivery, runs)


def clear_ledger(delivery_id: int) -> None:
    """Nothing of an earlier preparation is left. Only ever called before anything was released."""
    with connection.cursor() as cursor:
        for table in ("try", "doubt", "chunk", "moment", "message", "exclusion"):
            cursor.execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", [delivery_id])


def _fail_unless_stopped(preparation: Preparation, finding: Finding) -> None:
    with suppress(Abandoned, Delivery.DoesNotExist):
        _fail(preparation, [finding])


@transaction.atomic
def _fail(
    preparation: Preparation,
    findings: list[Finding],
    *,
    targeted: int = 0,
    causes: dict[str, int] | None = None,
) -> None:
    """The preparation has failed, and says why."""
    delivery = Delivery.objects.locked(preparation.delivery_id)
    if delivery.status != Status.PREPARING or delivery.preparation_id != preparation.pk:
        raise Abandoned
    at = clock.now()
    causes = causes or {}
    Preparation.objects.filter(pk=preparation.pk).update(
        status=PreparationStatus.FAILED,
        ended_at=at,
        targeted=targeted,
        excluded=sum(causes.values()),
        causes=causes,
        findings=[finding.to_dict() for finding in findings],
        lease_until=None,
    )
    errors = [finding for finding in findings if finding.level == "error"]
    for finding in errors:
        _log(preparation, finding.text, level=LogLine.Level.ERROR, **finding.slots)
    _log(
        preparation,
        n_("Preparation failed: %(errors)s errors"),
        level=LogLine.Level.ERROR,
        errors=len(errors),
    )
    lifecycle.move(delivery, Step.FAIL_PREPARATION, by=None, at=at, preparation=preparation.number)


def _broken(error: Exception) -> Finding:
    """Named by its kind and its first line: a database's detail may hold an address."""
    text = n_("Something is broken here, and trying again won't help: %(error)s")
    first_line = next(iter(str(error).splitlines()), "")
    return Finding(
        "error", "broken", text, "", None, {"error": f"{type(error).__name__}: {first_line}"[:300]}
    )


def _empty_target() -> Finding:
    return Finding(
        "error", "empty_target", n_("The audience is empty: nobody would be written to."), "audience", None
    )


def _nobody_left(targeted: int) -> Finding:
    text = n_("All %(targeted)s profiles of the audience are excluded.")
    return Finding("error", "empty_target", text, "audience", None, {"targeted": targeted})


# -- one at a time, and only while wanted -------------------------------------------------------------


def waiting(at: datetime) -> list[int]:
    """Preparations that nobody is carrying out: their job was lost, or its worker died."""
    overdue = Preparation.objects.filter(status=PreparationStatus.RUNNING, delivery__status=Status.PREPARING)
    return list(
        overdue.filter(lease_until__lt=at).values_list("pk", flat=True)
    ) + list(
        overdue.filter(lease_until=None, started_at__lt=at - timedelta(seconds=5)).values_list("pk", flat=True)
    )  # fmt: skip


@contextmanager
def _only_one(preparation_id: int) -> Iterator[bool]:
    """Hold the preparation's advisory lock; it goes with the connection, so a dead worker holds nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK_SPACE, preparation_id % 2**31])
        mine = cursor.fetchone()[0]
        if mine:
            cursor.execute(
                "SELECT set_config('application_name', %s, false)", [_session_name(preparation_id)]
            )
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK_SPACE, preparation_id % 2**31])
                cursor.execute("SELECT set_config('application_name', '', false)")


_LOCK_SPACE = 0x51E7


def _session_name(preparation_id: int) -> str:
    return f"sinete preparation {preparation_id}"


def _cancel_statement(preparation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND state = 'active' AND pid <> pg_backend_pid()",
            [_session_name(preparation_id)],
        )


def _still_running(preparation_id: int) -> bool:
    return Preparation.objects.filter(pk=preparation_id, status=PreparationStatus.RUNNING).exists()


def _still_mine(preparation: Preparation) -> None:
    if not _still_running(preparation.pk):
        raise Abandoned


def _progress(preparation: Preparation, percent: int, **counts: int) -> None:
    changed = Preparation.objects.filter(pk=preparation.pk, status=PreparationStatus.RUNNING).update(
        percent=percent, lease_until=clock.now() + LEASE, **counts
    )
    if not changed:
        raise Abandoned


def _clear_staging(preparation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM deliveries_staging WHERE preparation_id = %s", [preparation_id])


def _log(preparation: Preparation, text: str, *, level: str = LogLine.Level.INFO, **slots: Any) -> None:
    LogLine.objects.create(
        delivery_id=preparation.delivery_id,
        preparation=preparation,
        at=clock.now(),
        level=level,
        text=text,
        slots=slots,
    )
