import os
import resource
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django_rq
import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from rq.utils import utcformat

from campaign import cron
from campaign.lib.jobs import JobRef, Queue, workers_alive
from campaign.workers import Worker
from campaign.workers import Worker as SineteWorker

HERE = "campaign.tests.test_jobs"


class Thrown(Exception):
    pass


def note(*, file, text):
    with Path(file).open("a") as out:
        out.write(f"{text}\n")


def fail():
    raise Thrown


def listen(*, file):
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    note(file=file, text="begun")
    os.kill(os.getppid(), signal.SIGTERM)  # the worker is told to stop while this job runs
    note(file=file, text="drained" if told.wait(3) else "not told")


def say_what_is_loaded(*, file, module):
    note(file=file, text="loaded" if module in sys.modules else "not loaded")


def be_deaf(*, file):
    note(file=file, text="begun")
    os.kill(os.getppid(), signal.SIGTERM)
    threading.Event().wait(20)
    note(file=file, text="went on")


@pytest.fixture
def forked_worker():
    """Run a real worker of a queue in a process of its own, until it has nothing to do or is told to stop."""

    def run(queue):
        pid = os.fork()
        if pid == 0:
            try:
                own = django_rq.get_queue(queue)
                own.connection.connection_pool.reset()
                Worker([own], connection=own.connection).work(burst=True, logging_level="CRITICAL")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)

    return run


@contextmanager
def many_open_files():
    """The next file opened has a number beyond 1,024, which is where select(2) ends."""
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2048), hard))
    with ExitStack() as files:
        while files.enter_context(Path(os.devnull).open()).fileno() < 1100:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def queued(queue=Queue.DEFAULT):
    return django_rq.get_queue(queue).job_ids


@pytest.mark.django_db(transaction=True)
def test_a_job_is_queued_once_the_transaction_has_committed():
    with transaction.atomic():
        JobRef(f"{HERE}.fail").enqueue()
        assert queued() == []

    assert len(queued()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_transaction_that_fails_is_not_queued():
    with pytest.raises(Thrown), transaction.atomic():
        JobRef(f"{HERE}.fail").enqueue()
        raise Thrown

    assert queued() == []


def test_a_job_with_an_id_waits_once():
    ref = JobRef(f"{HERE}.fail", Queue.SEND)

    assert ref.enqueue_now(job_id="lane-1") is not None
    assert ref.enqueue_now(job_id="lane-1") is None
    assert queued(Queue.SEND) == ["lane-1"]


def test_without_a_queue_in_reach_the_work_is_left_to_the_tick(settings, caplog):
    settings.RQ_QUEUES = {name: {"URL": "unix:///nowhere/valkey.sock"} for name in Queue}

    JobRef(f"{HERE}.fail")._enqueue_or_warn(None, {})

    assert "the tick will find it" in caplog.text
    assert workers_alive(Queue.DEFAULT) == 0


def test_only_workers_whose_heart_beats_are_alive():
    own = django_rq.get_queue(Queue.SEND)
    killed, alive = (Worker([own], connection=own.connection) for _ in range(2))
    for worker in (killed, alive):
        worker.register_birth()
    long_ago = utcformat(datetime.now(UTC) - timedelta(minutes=2))
    own.connection.hset(killed.key, "last_heartbeat", long_ago)

    assert workers_alive(Queue.SEND) == 1
    assert workers_alive(Queue.TICK) == 0


def test_a_worker_that_a_wiped_queue_forgot_is_known_again_with_its_next_heartbeat():
    own = django_rq.get_queue(Queue.SEND)
    worker = SineteWorker([own], connection=own.connection)
    worker.register_birth()
    own.connection.flushdb()

    worker.heartbeat()

    assert workers_alive(Queue.SEND) == 1


def test_work_does_what_waits_for_the_commit(db, work, tmp_path):
    JobRef(f"{HERE}.note").enqueue(file=str(tmp_path / "out"), text="done")

    (job,) = work()

    assert job.is_finished
    assert (tmp_path / "out").read_text() == "done\n"


def test_work_raises_what_a_job_raised(work):
    JobRef(f"{HERE}.fail").enqueue()

    with pytest.raises(Thrown):
        work()


def test_a_worker_told_to_stop_passes_it_on_to_the_job_in_hand(forked_worker, tmp_path):
    JobRef(f"{HERE}.listen", Queue.SEND).enqueue_now(file=str(tmp_path / "out"))
    JobRef(f"{HERE}.note", Queue.SEND).enqueue_now(file=str(tmp_path / "out"), text="the next job")

    forked_worker(Queue.SEND)

    assert (tmp_path / "out").read_text() == "begun\ndrained\n"
    assert len(queued(Queue.SEND)) == 1


def test_a_worker_in_a_process_with_very_many_open_files_hears_its_job(forked_worker, tmp_path):
    JobRef(f"{HERE}.listen", Queue.SEND).enqueue_now(file=str(tmp_path / "out"))

    with many_open_files():
        forked_worker(Queue.SEND)

    assert (tmp_path / "out").read_text() == "begun\ndrained\n"


def test_a_process_for_a_job_finds_the_code_of_all_jobs_loaded(forked_worker, tmp_path, monkeypatch):
    file = tmp_path / "noted"
    monkeypatch.delitem(sys.modules, "reporting.jobs", raising=False)
    JobRef(f"{HERE}.say_what_is_loaded", Queue.DEFAULT).enqueue_now(file=str(file), module="reporting.jobs")

    forked_worker(Queue.DEFAULT)

    assert file.read_text() == "loaded\n"


def test_a_job_that_does_not_listen_is_ended_and_waits_for_the_next_worker(forked_worker, tmp_path):
    job = JobRef(f"{HERE}.be_deaf", Queue.SEND).enqueue_now(file=str(tmp_path / "out"))

    forked_worker(Queue.SEND)

    assert (tmp_path / "out").read_text() == "begun\n"
    assert queued(Queue.SEND) == [job.id]


def test_the_clock_queues_the_tick_each_second_the_figures_each_hour_and_the_cleaning_each_day():
    jobs = {job.func_name: (job.queue_name, job.interval or job.cron) for job in cron.scheduler().get_jobs()}

    assert jobs == {
        "deliveries.jobs.tick": ("tick", 1),
        "campaign.errands.look": ("steps", 15),
        "deliveries.jobs.look_up": ("default", 300),
        "audiences.jobs.look_up_exchanges": ("default", 300),
        "feedback.jobs.count_refusals": ("default", 300),
        "reporting.jobs.carry_on_erasures": ("default", 300),
        "reporting.jobs.fold": ("default", "0 * * * *"),
        "alerts.jobs.look_back": ("default", "5 * * * *"),
        "alerts.jobs.forget_old": ("default", "57 3 * * *"),
        "audiences.jobs.forget_old_imports": ("default", "7 * * * *"),
        "campaign.cron.forget_old_sessions": ("default", "17 3 * * *"),
        "accounts.jobs.forget_old_brakes": ("default", "27 3 * * *"),
        "reporting.jobs.forget_person_exports": ("default", "57 * * * *"),
        "accounts.jobs.forget_kept_forms": ("default", "37 * * * *"),
        "deliveries.jobs.forget_old_drafts": ("default", "47 3 * * *"),
        "audiences.jobs.forget_old_errors": ("default", "0 4 * * *"),
        "reporting.jobs.apply_retention": ("default", "20 4 * * *"),
        "feedback.jobs.forgive_reached": ("default", "0 4 * * *"),
        "feedback.jobs.keep_partitions": ("default", "23 4 * * *"),
    }


def test_old_sessions_are_forgotten(db):
    old = Session.objects.create(
        session_key="old", session_data="", expire_date=datetime(2020, 1, 1, tzinfo=UTC)
    )

    cron.forget_old_sessions()

    assert not Session.objects.filter(pk=old.pk).exists()
