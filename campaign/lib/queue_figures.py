"""How the queues stand: who listens, what waits, since when, what failed. For the operators' desk and commands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import django_rq
from redis import Redis
from rq import Queue as RqQueue
from rq import Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry

from campaign.lib.jobs import SECONDS_WITHOUT_HEARTBEAT, Queue, valkey

HEADS = 20  # of each queue, how many jobs at its head are looked at for the oldest


@dataclass(frozen=True)
class Standing:
    """One queue at this moment."""

    queue: Queue
    workers: int
    waiting: int
    running: int
    failed: int
    oldest: datetime | None  # when the job that has waited longest was queued

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "queue": self.queue.value, "workers": self.workers, "waiting": self.waiting,
            "running": self.running, "failed": self.failed, "oldest": self.oldest,
        }  # fmt: skip


def standings() -> list[Standing]:
    """How each queue stands, however much waits in it. Raises `RedisError`."""
    connection = valkey()
    workers = _alive(Worker.all(connection=connection))
    return [_standing(name, connection, workers) for name in Queue]


def _alive(workers: Iterable[Any]) -> list[list[str]]:
    """The names of the queues that each living worker listens to."""
    since = datetime.now(UTC) - timedelta(seconds=SECONDS_WITHOUT_HEARTBEAT)
    return [
        worker.queue_names()
        for worker in workers
        if worker.last_heartbeat is not None and worker.last_heartbeat > since
    ]


def _standing(name: Queue, connection: Redis, workers: list[list[str]]) -> Standing:
    queue = django_rq.get_queue(name, connection=connection)
    return Standing(
        queue=name,
        workers=sum(name.value in names for names in workers),
        waiting=queue.count,
        running=StartedJobRegistry(queue=queue).get_job_count(cleanup=False),
        failed=FailedJobRegistry(queue=queue).get_job_count(cleanup=False),
        oldest=_oldest(queue, connection),
    )


def _oldest(queue: RqQueue, connection: Redis) -> datetime | None:
    # What was queued anew stands at the head and may be younger than what is behind it.
    jobs = Job.fetch_many(queue.get_job_ids(0, HEADS), connection=connection)
    return min((job.enqueued_at for job in jobs if job is not None and job.enqueued_at), default=None)
