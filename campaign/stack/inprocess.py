"""Run what was queued in this process, for tests: a real worker on the real queue, without a fork."""

import asyncio
import logging
import threading
from types import TracebackType
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django_rq.queues import get_queue
from rq import SimpleWorker
from rq.job import Job
from rq.timeouts import TimerDeathPenalty

from campaign.lib.jobs import valkey

MOST_JOBS = 1_000


class InProcessWorker(SimpleWorker):
    """Does the jobs one after the other in the thread that calls it, and remembers what failed.

    It lives for a moment: it hears no commands (to stop listening takes RQ up to a second), and leaves it to lasting
    workers to look through the registries of all queues.
    """

    death_penalty_class = TimerDeathPenalty
    should_run_maintenance_tasks = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failures: list[BaseException] = []
        self.done: list[Job] = []

    def _install_signal_handlers(self) -> None:
        """The process belongs to the test run, and so do its signals."""

    def subscribe(self) -> None:
        """Nobody knows its name."""

    def unsubscribe(self) -> None:
        """It heard nothing."""

    def perform_job(self, job: Job, *args: Any, **kwargs: Any) -> bool:
        self.done.append(job)
        finished = super().perform_job(job, *args, **kwargs)
        if connection.in_atomic_block:
            play_commit()
        return finished

    def handle_exception(
        self, job: Job, *exc_info: type[BaseException] | BaseException | TracebackType | None
    ) -> None:
        self.failures.append(exc_info[1])  # type: ignore[arg-type]  # RQ calls it with a real exception only


def play_commit() -> None:
    """Run what waits for the commit of a transaction that a test will roll back."""
    while connection.run_on_commit:
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for entry in waiting:
            entry[1]()


def run_queued(*, raising: bool = True) -> list[Job]:
    """Do everything that is queued, and what that queues; return the jobs in the order they ran."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(raising=raising)
    # A browser's event loop holds this thread, and a job may need one of its own.
    return _in_thread(raising=raising)


def _run(*, raising: bool) -> list[Job]:
    logging.getLogger("rq.worker").setLevel(logging.ERROR)
    queues = [get_queue(name, connection=valkey()) for name in settings.RQ_QUEUES]
    worker = InProcessWorker(queues, connection=queues[0].connection)
    worker.work(burst=True, logging_level="ERROR", max_jobs=MOST_JOBS)
    if raising and worker.failures:
        raise worker.failures[0]
    return worker.done


def _in_thread(*, raising: bool) -> list[Job]:
    answer: list[Any] = []

    def run() -> None:
        try:
            answer.append(_run(raising=raising))
        except BaseException as error:
            answer.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(answer[0], BaseException):
        raise answer[0]
    return answer[0]
