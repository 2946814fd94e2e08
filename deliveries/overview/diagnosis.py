"""Why a delivery does not move, or what it waits for: one sentence for each cause, with what to do about it.

The same sentences stand on the dashboard, at the desk and in `manage.py doctor`. Looking costs a flat number
of queries and a look at the queue; what goes over the network to a relay is for the command alone.
"""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from accounts import access
from accounts.rights import Right
from campaign.lib import jobs
from campaign.lib.jobs import Queue
from deliveries.lifecycle import Step
from deliveries.models import Chunk, Delivery, Halt, Preparation, Skipped, Status, Try
from deliveries.routing import routes
from deliveries.schedule import moments
from deliveries.sending import fence, gate, rate, throttle
from deliveries.sending.control import waves
from deliveries.series import eligibility

SKEW_ALLOWED = timedelta(seconds=2)
STUCK_AFTER = timedelta(seconds=30)  # nobody took up a preparation that was asked for
OLDEST_POSTGRESQL = 150_000
SAFE = ("fsync", "full_page_writes", "synchronous_commit")
MOVING = (Status.PREPARING, Status.SCHEDULED, Status.SENDING, Status.PAUSED)
CONNECT_SECONDS = 5
LIMITS = ("delivery", "route", "provider")  # of what limits a send, that which somebody set
WAVE_HELD = "wave_held"
FAILURES_THAT_COUNT, FAILURES_WITHIN = 3, timedelta(hours=1)
CRON_SILENT_FOR = timedelta(seconds=60)  # it gives a sign each second
SPOOL_BYTES = 500_000_000  # below this the disk that keeps opens and clicks is nearly full
CROWDED = 0.9  # of the connections that PostgreSQL allows
AT_HOME = {"localhost", "127.0.0.1", "::1", None}


@dataclass(frozen=True)
class Diagnosis:
    """One cause. A fault wants somebody to act; what rightly waits is no fault."""

    code: str
    is_fault: bool
    text: str

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "fault": self.is_fault, "message": self.text}


def _fault(code: str, text: str | Promise, **slots: Any) -> Diagnosis:
    return Diagnosis(code, True, str(text) % slots if slots else str(text))


def _waits(code: str, text: str | Promise, **slots: Any) -> Diagnosis:
    return Diagnosis(code, False, str(text) % slots if slots else str(text))


# -- one delivery ----------------------------------------------------------------------------------------


def of_delivery(delivery: Delivery, *, at: datetime) -> list[Diagnosis]:
    """What this delivery waits for, or why it does not move; empty where all is as it should be."""
    return [*_around(delivery, at), *about_itself(delivery, at=at)]


def about_itself(delivery: Delivery, *, at: datetime) -> list[Diagnosis]:
    """The same without the queue, the fence and the relay, which a page shows in places of their own."""
    looks = {
        Status.PREPARING: _preparing,
        Status.AWAITING_APPROVAL: _awaiting_approval,
        Status.READY: _ready,
        Status.SCHEDULED: _scheduled,
        Status.SENDING: _sending,
        Status.PAUSED: _paused,
    }
    look = looks.get(Status(delivery.status))
    if look is None:
        return []
    return [*look(delivery, at), *_without_confirmer(delivery), *_clocks_changed(delivery, at)]


def _without_confirmer(delivery: Delivery) -> Iterator[Diagnosis]:
    """A confirmation binds whoever gave it or not any more: it leaves as confirmed, and those who may hold it know."""
    if not Status(delivery.status).is_released:
        return
    confirmation = delivery.confirmations.filter(taken_back_at=None, by__is_active=False).first()
    if confirmation is not None:
        yield _waits(
            "confirmer_gone",
            _(
                "%(by)s, who confirmed it, can no longer sign in. It leaves as it was confirmed; whoever may start "
                "deliveries can hold it."
            ),
            by=confirmation.by,
        )


def _clocks_changed(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """What was sealed is a moment; if a country changed its clocks since, they show another hour then."""
    if delivery.local_hour is None or delivery.status not in {
        Status.SCHEDULED,
        Status.SENDING,
        Status.PAUSED,
    }:
        return
    for moment in delivery.moments.filter(opened_at=None, not_before__gt=at).order_by("number"):
        zone = moments.known(moment.zone)
        if zone is None or moment.not_before is None:
            continue
        shown = moment.not_before.astimezone(zone)
        if moments.instant(shown.date(), delivery.local_hour, moment.zone) != moment.not_before:
            yield _fault(
                "clocks_changed",
                _(
                    "The clocks of %(zone)s were changed since it was prepared: it leaves when they show %(shown)s, "
                    "not %(hour)s. Take the confirmation back and prepare it again, if that matters."
                ),
                zone=moment.zone,
                shown=f"{shown:%H:%M}",
                hour=f"{delivery.local_hour:%H:%M}",
            )


def _around(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    if delivery.status == Status.PREPARING:
        yield from _unheard(Queue.PREPARATION, Queue.TICK)
    if delivery.status in {Status.READY, Status.SCHEDULED, Status.SENDING, Status.PAUSED}:
        yield from halted(delivery)  # nobody can confirm or resume either
    if delivery.status in {Status.SCHEDULED, Status.SENDING}:
        yield from _fenced()
        yield from _unheard(Queue.SEND, Queue.TICK)
        yield from resting(delivery, at=at)
    yield from _limited(delivery, at)


def _preparing(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    run: Preparation | None = delivery.preparation
    if run is None:
        return
    last_sign = run.lease_until or run.started_at + STUCK_AFTER
    if last_sign < at:
        yield _fault(
            "preparation_stuck",
            _(
                "Nobody has worked on the preparation since %(since)s: its worker died, or the job was "
                "lost. The tick hands it to the next free worker."
            ),
            since=_moment(last_sign, delivery),
        )


def _awaiting_approval(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    text = _("It waits for an approval by one of: %(people)s.")
    yield _asks("awaits_approval", text, delivery, Right.APPROVE)


def _ready(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    text = _("It waits for its confirmation by one of: %(people)s.")
    yield _asks("awaits_confirmation", text, delivery, Right.START)


def _asks(code: str, text: str | Promise, delivery: Delivery, right: Right) -> Diagnosis:
    people = [str(person) for person in access.holders(right, delivery)[:5]]
    if people:
        return _waits(code, text, people=", ".join(people))
    nobody = _("Nobody holds the right “%(right)s” here: ask an administrator to give it to somebody.")
    return _fault("nobody_may", nobody, right=right.label)


def _scheduled(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    due = gate.due_at(delivery)
    if due is not None and due > at:
        yield _waits(
            "gate",
            _("It leaves at %(moment)s, in %(left)s: not before."),
            moment=_moment(due, delivery),
            left=timeuntil(due, at),
        )
    elif reason := eligibility.waits_because(delivery):
        yield _waits("run_waits", HELD_RUNS[reason], series=f"DM{delivery.execution_of_id}")


HELD_RUNS = {
    Skipped.OVERLAP: _("It waits until the run of %(series)s before it has ended."),
    Skipped.PAUSED: _("It waits because the series %(series)s is paused."),
}


def _sending(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    yield from _too_slow(delivery, at)
    gone = (
        Chunk.objects.filter(delivery=delivery, done=False, lease_until__lt=at)
        .order_by("lease_until")
        .first()
    )
    if gone is not None:
        assert gone.lease_until is not None
        yield _fault(
            "lease_expired",
            _(
                "Worker %(worker)s has given no sign since its lease ended at %(moment)s. The tick takes "
                "over what it held."
            ),
            worker=gone.lease_by.partition(":")[2] or gone.lease_by,
            moment=_moment(gone.lease_until, delivery),
        )
    if delivery.has_moments:
        yield from _between_moments(delivery, at)
    if Chunk.objects.filter(delivery=delivery, done=False).exists():
        return
    next_try = Try.objects.filter(delivery=delivery, handed=False).order_by("due_at").first()
    if next_try is not None and next_try.due_at > at:
        yield _waits(
            "later_tries",
            _("Only later tries are left: some servers asked us to come back. The next is at %(moment)s."),
            moment=_moment(next_try.due_at, delivery),
        )


def _between_moments(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """A wave that waits for a person, or that nothing leaves because the next moment is ahead."""
    held = waves.held(delivery)
    if held is not None:
        yield _fault(
            WAVE_HELD,
            _(
                "Wave %(number)s is held: %(percent)s%% of those before bounced or failed, the limit is %(limit)s%%. "
                "“Release the held wave” lets it leave; “Stop sending” keeps it at home."
            ),
            number=held.number,
            percent=f"{float(held.held_percent or 0):g}",
            limit=f"{float(delivery.wave_limit or 0):g}",
        )
        return
    ahead = delivery.moments.filter(opened_at=None, not_before__gt=at).order_by("not_before").first()
    is_at_rest = not Chunk.objects.filter(
        Q(not_before=None) | Q(not_before__lte=at), delivery=delivery, done=False
    ).exists()
    if ahead is not None and ahead.not_before is not None and is_at_rest:
        yield _waits(
            "next_moment",
            _("The next of it leaves at %(moment)s, in %(left)s: not before."),
            moment=_moment(ahead.not_before, delivery),
            left=timeuntil(ahead.not_before, at),
        )


def _paused(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    step = (
        delivery.history.filter(new=Status.PAUSED).exclude(step=Step.BEGIN.code).select_related("by").first()
    )
    yield _waits(
        "paused",
        _("%(by)s paused it at %(moment)s. “Resume” goes on from the exact message where it stopped."),
        by=(step.by if step else None) or _t("Somebody"),
        moment=_moment(step.at if step else at, delivery),
    )


def resting(delivery: Delivery, *, at: datetime) -> Iterator[Diagnosis]:
    """The rest of the delivery's route, if its relay turned us away or nothing could be signed."""
    route = routes.known_route_of(delivery)
    if route is None or route.closed_until is None or route.closed_until <= at:
        return
    if route.closed_because.startswith(routes.UNSIGNED):
        yield _fault(
            "unsigned",
            _(
                "Every message of “%(route)s” must be signed, and can't be: %(because)s. It is tried again at "
                "%(moment)s; nothing leaves unsigned."
            ),
            route=route.label,
            because=route.closed_because,
            moment=_moment(route.closed_until, delivery),
        )
    else:
        yield _fault(
            "relay_rests",
            _(
                "The relay of “%(route)s” turned us away: %(because)s. It is asked again at %(moment)s; "
                "no recipient is harmed by it."
            ),
            route=route.label,
            because=route.closed_because or "–",
            moment=_moment(route.closed_until, delivery),
        )


def _limited(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    found = rate.of(delivery, at=at)
    if found is not None and found.factor in LIMITS:
        yield _waits(
            f"limited_by_{found.factor}",
            _("How fast it leaves is decided by %(what)s."),
            what=found.limited_by,
        )


def _too_slow(delivery: Delivery, at: datetime) -> Iterator[Diagnosis]:
    """Whether its limits let not all of it leave in time."""
    found = rate.of(delivery, at=at) if throttle.buckets_of(delivery) else None
    ends = delivery.valid_until
    if found is not None and found.left is not None and ends is not None and at + found.left > ends:
        yield _fault(
            "too_slow",
            _(
                "At this rate not all of it leaves before the validity period ends at %(moment)s: raise the "
                "limit, or what is left then fails."
            ),
            moment=_moment(ends, delivery),
        )


def halted(delivery: Delivery) -> Iterator[Diagnosis]:
    """Each stop of all sending that holds the delivery back."""
    for halt in Halt.objects.covering(delivery.unit).select_related("by", "unit"):
        yield _fault(
            "halted",
            _(
                "%(by)s stopped all sending of “%(unit)s” at %(moment)s: %(reason)s. “Allow sending again” "
                "(allow_sending) lets it go on from the exact message where it stopped."
            ),
            by=halt.by,
            unit=halt.unit,
            moment=_moment(halt.at, delivery),
            reason=halt.reason.rstrip("."),
        )


def closed(delivery: Delivery) -> list[Diagnosis]:
    """Why nobody can confirm, resume or prove it now, and what to do about it; the verbs refuse for the same."""
    return [*_no_release(delivery), *_fenced()]


def _no_release(delivery: Delivery) -> Iterator[Diagnosis]:
    try:
        gate.require_no_halt(delivery)
    except gate.SendingHalted as refusal:
        yield _fault("halted", str(refusal))


def _fenced() -> Iterator[Diagnosis]:
    found = fence.problem()
    if found is not None:
        yield _fault(
            "fenced",
            _("Nothing is sent from here: %(why)s “manage.py adopt_instance” says what to do."),
            why=str(found),
        )


def without_workers(delivery: Delivery) -> list[Diagnosis]:
    """The queues that this delivery needs next and that nobody listens to."""
    status = Status(delivery.status)
    if status.is_final:
        return []
    if status.is_editable or status == Status.PREPARING:
        return list(_unheard(Queue.PREPARATION))
    return list(_unheard(Queue.SEND, Queue.TICK))


def _unheard(*queues: Queue) -> Iterator[Diagnosis]:
    for queue, sentence in jobs.unheard(*queues):
        yield _fault(f"no_worker_{queue}", sentence)


def _moment(moment: datetime, delivery: Delivery) -> str:
    return f"{date_format(moment.astimezone(delivery.zone), 'j M Y, H:i:s')} {delivery.time_zone}"


# -- the installation ------------------------------------------------------------------------------------


def of_installation(*, at: datetime) -> list[Diagnosis]:
    """What is wrong with the parts that everything runs on. For the command: it takes its time."""
    looks = (
        _queue(),
        _postgresql(),
        _connections(),
        _pooler(),
        _standbys(),
        _clocks(),
        _migrations(),
        _spool(),
        _address(),
        _fenced(),
    )
    return [found for look in looks for found in look]


def _queue() -> Iterator[Diagnosis]:
    if not jobs.is_reachable():
        yield _fault(
            "queue_away",
            _("The queue (REDIS_URL) can't be reached. Nothing is lost; nothing moves until it is back."),
        )
        return
    yield from _unheard(*Queue)
    try:
        yield from _cron()
        yield from _failures()
    except RedisError:  # away since
        return


def _cron() -> Iterator[Diagnosis]:
    sign = jobs.last_sign_of_cron()
    if sign is None or datetime.now(UTC) - sign > CRON_SILENT_FOR:
        yield _fault(
            "no_cron",
            _(
                "Cron gives no sign of life: nothing that is due is looked for. Start “manage.py cron”; what is "
                "due will then go on by itself."
            ),
        )


def _failures() -> Iterator[Diagnosis]:
    for job, number in jobs.failures(since=datetime.now(UTC) - FAILURES_WITHIN).items():
        if number >= FAILURES_THAT_COUNT:
            yield _fault(
                "jobs_fail",
                _(
                    "The job “%(job)s” failed %(number)s times within an hour: “Queues and failed jobs” in the "
                    "administration says why."
                ),
                job=job,
                number=number,
            )


def _postgresql() -> Iterator[Diagnosis]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [[*SAFE, "server_version_num"]]
        )
        found = dict(cursor.fetchall())
    if int(found["server_version_num"]) < OLDEST_POSTGRESQL:
        yield _fault("postgresql_old", _("PostgreSQL is older than 15: upgrade it."))
    for name in SAFE:
        if found[name] == "off":
            yield _fault(
                "not_durable",
                _("PostgreSQL runs with %(name)s = off: a crash could forget what has left. Switch it on."),
                name=name,
            )


def _connections() -> Iterator[Diagnosis]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(numbackends), current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int FROM pg_stat_database"
        )
        used, allowed = cursor.fetchone()
    if used >= allowed * CROWDED:
        yield _fault(
            "connections_short",
            _(
                "%(used)s of PostgreSQL's %(allowed)s connections are taken: raise max_connections, or lower "
                "DATABASE_POOL or the number of processes."
            ),
            used=used,
            allowed=allowed,
        )


def _pooler() -> Iterator[Diagnosis]:
    """Whether this process talks to PostgreSQL through somebody: then another backend answers than it was told of."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        answering = cursor.fetchone()[0]
    if answering != connection.connection.info.backend_pid:
        yield _waits(
            "behind_a_pooler",
            _(
                "This process reaches PostgreSQL through a pooler, which works in session and in transaction mode. "
                "Workers are faster past it: name the direct way in DATABASE_DIRECT_URL."
            ),
        )


def _standbys() -> Iterator[Diagnosis]:
    """Whether a failover could lose what was committed. Only a superuser or monitor sees which standbys are in sync."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('synchronous_standby_names') <> '',"
            " (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup')"
        )
        is_synchronous, standbys = cursor.fetchone()
    if standbys and not is_synchronous:
        yield _waits(
            "standby_asynchronous",
            _(
                "Replication is asynchronous: a failover to a standby may lose the last moments, also which messages "
                "had been handed over. Nothing is sent by the promoted standby until “manage.py adopt_instance”, which "
                "puts what may have left in doubt. With synchronous_standby_names set nothing is lost."
            ),
        )


def _spool() -> Iterator[Diagnosis]:
    folder = Path(settings.FEEDBACK_FOLDER).absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < SPOOL_BYTES:
        yield _fault(
            "disk_full",
            _(
                "Only %(free)s MB are free where opens and clicks wait while the database is away (%(folder)s): "
                "make room, or they are lost."
            ),
            free=free // 1_000_000,
            folder=folder,
        )


def _address() -> Iterator[Diagnosis]:
    url = urlsplit(settings.PUBLIC_URL)
    if not settings.DEBUG and (url.hostname in AT_HOME or url.scheme != "https"):
        yield _fault(
            "public_url",
            _(
                "PUBLIC_URL is %(url)s: links, pictures and opt-outs in every message would lead there. Set it to the "
                "https address of the web process."
            ),
            url=settings.PUBLIC_URL,
        )


def _clocks() -> Iterator[Diagnosis]:
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
        ours = before + (datetime.now(UTC) - before) / 2
    skew = abs(theirs - ours)
    if skew > SKEW_ALLOWED:
        yield _fault(
            "clock_skew",
            _(
                "This machine's clock and PostgreSQL's are %(seconds)s seconds apart. PostgreSQL's "
                "decides; set both by NTP."
            ),
            seconds=round(skew.total_seconds(), 1),
        )


def _migrations() -> Iterator[Diagnosis]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        yield _fault(
            "migrations", _("%(number)s migrations wait: run “manage.py migrate”."), number=len(waiting)
        )


def of_relay(delivery: Delivery) -> list[Diagnosis]:
    """Whether the delivery's relay takes a connection; nothing is said to it."""
    route = routes.known_route_of(delivery)
    if route is None:  # the first send makes it
        return []
    try:
        relay = routes.relay_of(route)
    except ImproperlyConfigured as error:
        return [
            _fault("relay_misconfigured", _("The relay's address can't be used: %(error)s."), error=error)
        ]
    try:
        socket.create_connection((relay.host, relay.port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return [
            _fault(
                "relay_unreachable",
                _(
                    "The relay %(host)s:%(port)s takes no connection: %(error)s. “manage.py check_route” looks closer."
                ),
                host=relay.host,
                port=relay.port,
                error=error.strerror or error,
            )
        ]
    return []


def deliveries_to_look_at() -> Any:
    """Those that should be moving."""
    related = Delivery.objects.select_related("unit", "preparation", "route")
    return related.filter(status__in=MOVING).order_by("pk")
