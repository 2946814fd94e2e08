"""How the machinery stands, for whoever operates it: queues, workers, relays, disks, and what is wrong."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from campaign.lib import jobs, queue_figures
from campaign.lib.queue_figures import Standing
from deliveries.models import Route
from deliveries.overview import diagnosis
from deliveries.overview.diagnosis import Diagnosis

MOST_ROUTES = 20
WAITS_LONG = timedelta(minutes=5)
NEARLY_FULL = 0.9
ROOM_LEFT = 500_000_000  # octets: below this a disk is nearly full, however large it is


@dataclass(frozen=True)
class Disk:
    """A folder that must never be full, and the disk that it is on."""

    what: str | Promise
    folder: str
    free: int
    size: int

    @property
    def is_short(self) -> bool:
        return self.free < ROOM_LEFT or self.free < (1 - NEARLY_FULL) * self.size

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {"folder": self.folder, "free_bytes": self.free, "bytes": self.size, "short": self.is_short}


@dataclass(frozen=True)
class Health:
    """The machinery at one moment; without queues where the queue is away."""

    at: datetime
    queues: list[Standing] = field(default_factory=list)
    cron_at: datetime | None = None
    routes: list[Route] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    database_bytes: int = 0
    problems: list[Diagnosis] = field(default_factory=list)

    @property
    def oldest(self) -> Standing | None:
        """The queue whose job has waited longest; None where none waits."""
        waiting = [one for one in self.queues if one.oldest is not None]
        return min(waiting, key=lambda one: one.oldest or self.at, default=None)

    @property
    def oldest_waits_long(self) -> bool:
        return self.oldest is not None and self.at - (self.oldest.oldest or self.at) > WAITS_LONG

    @property
    def resting(self) -> list[Route]:
        """The routes by which nothing leaves for a while."""
        return [route for route in self.routes if route.closed_until and route.closed_until > self.at]

    @property
    def faults(self) -> list[Diagnosis]:
        return [one for one in self.problems if one.is_fault]

    @property
    def failed(self) -> int:
        return sum(one.failed for one in self.queues)

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        oldest = self.oldest
        resting = {route.pk for route in self.resting}
        return {
            "queues": [one.as_dict() for one in self.queues],
            "oldest_job": oldest and {"queue": oldest.queue.value, "since": oldest.oldest},
            "cron": self.cron_at,
            "routes": [
                {"route": route.label, "rests": route.pk in resting, "until": route.closed_until,
                 "because": route.closed_because}
                for route in self.routes
            ],
            "disks": [disk.as_dict() for disk in self.disks],
            "database_bytes": self.database_bytes,
            "problems": [one.as_dict() for one in self.problems],
        }  # fmt: skip


def of_machinery(*, at: datetime) -> Health:
    """How it all stands at `at`, in a few queries; nothing is asked over the network but PostgreSQL and the queue."""
    try:
        queues, cron_at = queue_figures.standings(), jobs.last_sign_of_cron()
    except RedisError:
        queues, cron_at = [], None
    return Health(
        at=at,
        queues=queues,
        cron_at=cron_at,
        routes=list(Route.objects.order_by("-is_default", "label")[:MOST_ROUTES]),
        disks=list(_disks()),
        database_bytes=_database_bytes(),
        problems=diagnosis.at_a_glance(),
    )


def _disks() -> Iterator[Disk]:
    folders = (
        (_("Opens and clicks"), settings.FEEDBACK_FOLDER),
        (_("This host's mark"), settings.ANCHOR_FOLDER),
    )
    for what, folder in folders:
        path = Path(folder).absolute()
        there = next(each for each in (path, *path.parents) if each.exists())
        usage = shutil.disk_usage(there)
        yield Disk(what, str(path), usage.free, usage.total)


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
