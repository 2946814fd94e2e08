"""Names a job, and enqueues it after the commit. Nothing else speaks to the queue.

The truth is in PostgreSQL and a tick looks there for what is due, so a wake-up that is lost only delays.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

import django_rq
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue as RqQueue
from rq import Worker, get_current_job
from rq.cron import CronScheduler
from rq.job import Job
from rq.registry import FailedJobRegistry

logger = logging.getLogger(__name__)

SECONDS_KEPT = 600  # results; failures stay longer, for the operators' desk
SECONDS_FAILURES_KEPT = 7 * 24 * 3600
SECONDS_WITHOUT_HEARTBEAT = 60  # an idle worker's heart beats every 15 seconds, a busy one's every 30

NO_WORKER = _(
    "No worker listens to the queue “%(queue)s”, or the queue itself is away. Start one; "
    "“make run” and the Procfile name the command."
)
STOPPED = "stopped"
FAILURES_LOOKED_AT = 200  # of each queue, the newest


class Queue(StrEnum):
    """The queues, each with workers of its own in the Procfile."""

    TICK = "tick"
    STEPS = "steps"
    COUNTS = "counts"
    SEND = "send"
    PREPARATION = "preparation"
    DEFAULT = "default"


@dataclass(frozen=True)
class JobRef:
    """A job by its dotted path, so that a rule can ask for work without importing the app's jobs."""

    path: str
    queue: Queue = Queue.DEFAULT
    timeout: int = 600

    def enqueue(self, *, job_id: str | None = None, **kwargs: Any) -> None:
        """Queue the job once the transaction has committed; with no queue in reach it is left to the tick.

        With a `job_id` it is queued once, for as long as that one still waits.
        """
        transaction.on_commit(lambda: self._enqueue_or_warn(job_id, kwargs))

    def enqueue_now(self, *, job_id: str | None = None, on: Queue | None = None, **kwargs: Any) -> Job | None:
        """Queue the job at once; `None` if one of that id waits already. Raises `RedisError`.

        `on`: another queue than its own, where nobody listens to that.
        """
        queue = django_rq.get_queue(on or self.queue, commit_mode="auto", connection=valkey())
        # RQ's own get_job_position would ask for all that the server says of itself, to know its version.
        if job_id and queue.connection.lpos(queue.key, job_id) is not None:
            return None
        return queue.enqueue_call(
            self.path,
            kwargs=kwargs,
            timeout=self.timeout,
            result_ttl=SECONDS_KEPT,
            failure_ttl=SECONDS_FAILURES_KEPT,
            job_id=job_id,
        )

    def enqueue_all_now(self, jobs: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Queue a job for each id and its arguments, in this order and in one go. Raises `RedisError`."""
        if not jobs:
            return
        queue = django_rq.get_queue(self.queue, commit_mode="auto", connection=valkey())
        queue.enqueue_many(
            [
                RqQueue.prepare_data(
                    self.path,
                    kwargs=kwargs,
                    timeout=self.timeout,
                    result_ttl=SECONDS_KEPT,
                    failure_ttl=SECONDS_FAILURES_KEPT,
                    job_id=job_id,
                )
                for job_id, kwargs in jobs
            ]
        )

    def waiting(self, *, prefix: str) -> int:
        """How many jobs whose id begins so wait in the queue. Raises `RedisError`."""
        return sum(job_id.startswith(prefix) for job_id in self.waiting_ids())

    def waiting_ids(self) -> list[str]:
        """The ids of all that wait in the queue. Raises `RedisError`."""
        return django_rq.get_queue(self.queue, connection=valkey()).get_job_ids()

    def _enqueue_or_warn(self, job_id: str | None, kwargs: dict[str, Any]) -> None:
        try:
            self.enqueue_now(job_id=job_id, **kwargs)
        except RedisError as error:
            logger.warning("%s was not queued, the tick will find it: %s", self.path, error)


def valkey() -> Redis:
    """This process's lasting way to Valkey, as to open one takes longer than most questions; a fork opens its own."""
    return _lasting(repr(settings.RQ_QUEUES[Queue.DEFAULT]))


@cache
def _lasting(_config: str) -> Redis:
    return django_rq.get_connection(Queue.DEFAULT)


def current_id() -> str:
    """The id of the job that this process is at; empty where it is at none."""
    job = get_current_job()
    return job.id if job is not None else ""


def note_stop(job: Job) -> None:
    """The job was ended because its worker was told to stop, and not by what it was at. Raises `RedisError`."""
    job.meta[STOPPED] = True
    job.save_meta()


def was_stopped() -> bool:
    """Whether this process carries on a job that `note_stop` was told of; it is true once."""
    job = get_current_job()
    if job is None or not job.meta.pop(STOPPED, False):
        return False
    job.save_meta()
    return True


def is_reachable() -> bool:
    """Whether the queue answers at all."""
    try:
        return bool(valkey().ping())
    except RedisError:
        return False


def workers_alive(queue: Queue) -> int:
    """How many workers listened to this queue within the last minute; 0 when the queue can't be reached."""
    # A killed worker stays registered for a while, but its heart has stopped.
    since = datetime.now(UTC) - timedelta(seconds=SECONDS_WITHOUT_HEARTBEAT)
    try:
        workers = Worker.all(queue=django_rq.get_queue(queue, connection=valkey()))
    except RedisError:
        return 0
    return sum(worker.last_heartbeat is not None and worker.last_heartbeat > since for worker in workers)


def unheard(*queues: Queue) -> list[tuple[Queue, str]]:
    """Of these queues those that nobody listens to, each with a sentence that says so and what to do."""
    return [(queue, str(NO_WORKER) % {"queue": queue}) for queue in queues if workers_alive(queue) == 0]


def last_sign_of_cron() -> datetime | None:
    """When the process that asks for the ticks was last heard of. Raises `RedisError`."""
    schedulers = CronScheduler.all(valkey(), cleanup=False)
    signs = [scheduler.last_heartbeat for scheduler in schedulers]
    return max((sign for sign in signs if sign is not None), default=None)


def failures(*, since: datetime) -> Counter[str]:
    """How often each job has failed since then, by its dotted path. Raises `RedisError`."""
    return Counter(
        job.func_name or "" for job in _failed() if job.ended_at is not None and job.ended_at >= since
    )


def _failed() -> Iterable[Job]:
    connection = valkey()
    for name in Queue:
        registry = FailedJobRegistry(queue=django_rq.get_queue(name, connection=connection))
        ids = registry.get_job_ids(0, FAILURES_LOOKED_AT - 1, desc=True, cleanup=False)
        yield from (job for job in Job.fetch_many(ids, connection=connection) if job is not None)
