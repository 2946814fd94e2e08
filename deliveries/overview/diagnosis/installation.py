"""What is wrong with what everything runs on: queue, PostgreSQL, clocks, disk, addresses, senders, migrations."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from campaign.lib import jobs
from campaign.lib.jobs import Queue
from deliveries.overview.diagnosis.causes import Diagnosis, fault, waits
from deliveries.overview.diagnosis.ledger import of_ranges
from deliveries.overview.diagnosis.senders import of_senders
from deliveries.overview.diagnosis.surroundings import fenced, unheard

SKEW_ALLOWED = timedelta(seconds=2)
OLDEST_POSTGRESQL = 150_000
SAFE = ("fsync", "full_page_writes", "synchronous_commit")
FAILURES_THAT_COUNT, FAILURES_WITHIN = 3, timedelta(hours=1)
CRON_SILENT_FOR = timedelta(seconds=60)  # cron reports each second
SPOOL_BYTES = 500_000_000  # below this the disk that keeps opens and clicks is nearly full
CROWDED = 0.9  # of the connections that PostgreSQL allows
AT_HOME = {"localhost", "127.0.0.1", "::1", None}


Look = Callable[[datetime], Iterator[Diagnosis]]
_more: list[Look] = []


def also(look: Look) -> None:
    """The installation is looked at with this too: the apps above know more of it."""
    if look not in _more:
        _more.append(look)


def of_installation(*, at: datetime) -> list[Diagnosis]:
    """Return what is wrong with the parts that everything runs on. Only the command asks: it may take seconds."""
    looks = (
        _queue(),
        _postgresql(),
        _connections(),
        _pooler(),
        _standbys(),
        _clocks(),
        _migrations(),
        of_ranges(),
        _spool(),
        _address(),
        of_senders(at=at),
        fenced(),
        *(look(at) for look in _more),
    )
    return [found for look in looks for found in look]


def at_a_glance() -> list[Diagnosis]:
    """Return what is wrong as far as a page can ask while somebody waits: a few queries, nothing over the network."""
    looks = (_queue(), _postgresql(), _connections(), _spool(), _address(), fenced())
    return [found for look in looks for found in look]


def _queue() -> Iterator[Diagnosis]:
    if not jobs.is_reachable():
        yield fault(
            "queue_away",
            _("The queue (REDIS_URL) can't be reached. Nothing is lost; nothing moves until it is back."),
        )
        return
    yield from unheard(*Queue)
    try:
        yield from _cron()
        yield from _failures()
    except RedisError:  # the queue went away meanwhile
        return


def _cron() -> Iterator[Diagnosis]:
    sign = jobs.last_sign_of_cron()
    if sign is None or datetime.now(UTC) - sign > CRON_SILENT_FOR:
        yield fault(
            "no_cron",
            _(
                "Cron gives no sign of life: nothing that is due is looked for. Start “manage.py cron”; what is "
                "due will then go on by itself."
            ),
        )


def _failures() -> Iterator[Diagnosis]:
    for job, number in jobs.failures(since=datetime.now(UTC) - FAILURES_WITHIN).items():
        if number >= FAILURES_THAT_COUNT:
            yield fault(
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
        yield fault("postgresql_old", _("PostgreSQL is older than 15: upgrade it."))
    for name in SAFE:
        if found[name] == "off":
            yield fault(
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
        yield fault(
            "connections_short",
            _(
                "%(used)s of PostgreSQL's %(allowed)s connections are taken: raise max_connections, or lower "
                "DATABASE_POOL or the number of processes."
            ),
            used=used,
            allowed=allowed,
        )


def _pooler() -> Iterator[Diagnosis]:
    """Say that this process reaches PostgreSQL through a pooler: another backend answers than it connected to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        answering = cursor.fetchone()[0]
    if answering != connection.connection.info.backend_pid:
        yield waits(
            "behind_a_pooler",
            _(
                "This process reaches PostgreSQL through a pooler, which works in session and in transaction mode. "
                "Workers are faster past it: name the direct way in DATABASE_DIRECT_URL."
            ),
        )


def _standbys() -> Iterator[Diagnosis]:
    """Report standbys that could lose committed data in a failover.

    Only superusers and monitors see which are in sync.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('synchronous_standby_names') <> '',"
            " (SELECT count(*) FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup')"
        )
        is_synchronous, standbys = cursor.fetchone()
    if standbys and not is_synchronous:
        yield waits(
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
        yield fault(
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
        yield fault(
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
        yield fault(
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
        yield fault(
            "migrations", _("%(number)s migrations wait: run “manage.py migrate”."), number=len(waiting)
        )
