"""The workers of RQ, as Sinete needs them: told to stop, they let the job in hand come to a good end."""

import logging
import math
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import rq
from django.db import connection, reset_queries
from django.utils.module_loading import autodiscover_modules
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import worker_registration
from rq.job import Job
from rq.queue import Queue

from campaign.lib import lingering
from campaign.lib.discreet import without_rows
from campaign.lib.jobs import note_stop
from deliveries import queues
from deliveries.ledger import recovery

# The process manager kills after 5 seconds; the horse, which is in a group of its own, must be gone by then.
SECONDS_TO_DRAIN = 3.5
SECONDS_BETWEEN_BEATS = 3.0


class Known(rq.worker.BaseWorker):
    """A worker that has loaded the code of all jobs, and that a queue which was wiped meanwhile learns of again.

    Of what failed it keeps nothing about people.
    """

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Loads first what jobs run: each process that is forked for one would load it again."""
        autodiscover_modules("jobs")
        return super().work(*args, **kwargs)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Alive, and known to be: a queue that was wiped meanwhile has forgotten who works on it."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """What failed is kept in Valkey for days: without what PostgreSQL quoted of rows."""
        if "exc_string" in kwargs:
            kwargs["exc_string"] = without_rows(kwargs["exc_string"])
        super().handle_job_failure(job, queue, *args, **kwargs)


class SteadyWorker(Known, rq.SimpleWorker):
    """Does short jobs itself, on one lasting connection to the database, without a process for each.

    After a job that failed or took too long the connection is given up: the next opens another.
    """

    _last_beat = -math.inf

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ beats several times for each job, which may be one a second: once in a while is enough."""
        if time.monotonic() - self._last_beat > SECONDS_BETWEEN_BEATS:
            super().heartbeat(timeout, pipeline)
            self._last_beat = time.monotonic()

    def perform_job(self, job: Job, *args: Any, **kwargs: Any) -> bool:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        done = super().perform_job(job, *args, **kwargs)
        if not done and not connection.in_atomic_block:
            connection.close()
        reset_queries()
        return done


class Worker(Known, rq.Worker):
    """Passes SIGTERM on to the job in hand, waits for it, and then stops.

    A job that doesn't listen is ended and waits at the head of its queue for the next worker. A process whose job
    is done and that only waits for answers lingers beside the next one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: dict[int, int] = {}  # process ids, and how much each holds
        self._told = -1  # what the horse says, or its end

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        self._bury()
        self._told, tell = os.pipe()
        lingering.offer(tell, held=sum(self._lingering.values()))
        try:
            super().fork_work_horse(job, queue)
        finally:  # in this process alone: a horse does not return from there
            lingering.withdraw()
            os.close(tell)

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        is_done = super().perform_job(*args, **kwargs)
        lingering.do_what_is_left()
        return is_done

    def wait_for_horse(self) -> tuple[int | None, int | None, Any]:
        """Until the horse is gone, or its job is done and it lingers."""
        if self._told >= 0:
            said = os.read(self._told, 1)
            told, self._told = self._told, -1
            os.close(told)
            if said:
                self._lingering[self.horse_pid] = said[0]
                return self.horse_pid, os.EX_OK, None
        return super().wait_for_horse()

    def _bury(self) -> None:
        """Forget those that lingered and are gone."""
        for pid in tuple(self._lingering):
            with suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    continue
            del self._lingering[pid]

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        super().heartbeat(timeout, pipeline)
        self._bury()

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()
        # From here on a job that is ended was ended by us, and is no failure to warn of.
        self.log.setLevel(logging.ERROR)
        self._pass_on()

    def monitor_work_horse(self, job: Job, *args: Any, **kwargs: Any) -> None:
        if self._stop_requested:  # asked to stop between the fork and here
            self._pass_on()
        super().monitor_work_horse(job, *args, **kwargs)

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        if self._stop_requested:  # the signal came to this process before it could listen
            os._exit(1)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        super().handle_job_failure(job, queue, *args, **kwargs)
        if self._stop_requested and not self.is_horse:
            note_stop(job)
            job.requeue(at_front=True)

    def handle_work_horse_killed(self, job: Job, retpid: int | None, *args: Any) -> None:
        """A lane that surely ended must not count as alive until its lease is over: only its worker can know."""
        super().handle_work_horse_killed(job, retpid, *args)
        if not retpid or job.func_name != queues.SEND.path:
            return
        with suppress(RedisError):  # the lease runs out by itself
            queues.LANE_DIED.enqueue_now(
                delivery_id=job.kwargs["delivery_id"], lane=recovery.lane_of(job.id, retpid)
            )

    def _pass_on(self) -> None:
        self._bury()
        for pid in self._lingering:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        horse = self.horse_pid
        if not horse:
            return
        self.kill_horse(signal.SIGTERM)
        end = threading.Timer(SECONDS_TO_DRAIN, self._end, [horse])
        end.daemon = True
        end.start()

    def _end(self, horse: int) -> None:
        if self.horse_pid == horse:
            self.kill_horse(signal.SIGKILL)
