"""The intake is killed at each of its steps, as a machine kills: no report is lost, and none counts twice."""

import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts import audit
from audiences import mail_exchanges
from audiences.models import AddressError, Quarantine
from audiences.quarantine import error_counts
from campaign.tests.waiting import wait_until
from deliveries.ledger import bounces
from deliveries.models import Message
from deliveries.operations import reconciliation
from deliveries.tests.ledger_rows import statuses
from feedback import jobs
from feedback.intake import mailboxes, reaching, reading, refusals, settling, sources, storing
from feedback.models import IncomingMail, MailSource, Outcome, RefusalLook, Report
from feedback.tests.mails import bounce_of
from reporting.counting import statistics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db(transaction=True)

# What a worker does with a mail, in this order; it dies before or after each.
STEPS: list[tuple[Any, str]] = [
    (reading, "_begin"),
    (reading, "rows_of"),
    (reading, "_note_read"),
    (settling, "settle_open"),
    (bounces, "hold"),
    (bounces, "bounce"),
    (settling, "_note"),
    (reaching, "take_back"),
    (error_counts, "count"),
    (error_counts, "stand"),
    (audit, "record"),
]


def killed_at(module: ModuleType, name: str, work: Callable[[], Any], *, after: bool) -> None:
    """A process of its own does the work, until SIGKILL strikes it before or after a step."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        try:
            setattr(module, name, _deadly(getattr(module, name), after=after))
            work()
        finally:
            os._exit(7)
    _pid, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"{name} was never reached"
    wait_until(nobody_else_is_there, "PostgreSQL noticed that the process is gone")


def _deadly(step: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def dies(*args: Any, **more: Any) -> None:
        if after:
            step(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    return dies


def nobody_else_is_there() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        return bool(cursor.fetchone()[0] == 0)


def pipe(raw: bytes) -> None:
    """As a mail server calls the command."""
    sys.stdin = io.TextIOWrapper(io.BytesIO(raw))
    call_command("receive_bounce")


def test_wherever_a_worker_is_killed_each_report_counts_once():
    delivery = delivery_with(sent=len(STEPS))
    mails = [
        bounce_of(delivery, seq, status="5.1.1" if seq % 2 else "5.2.2") for seq in range(1, len(STEPS) + 1)
    ]

    for mail, (module, name) in zip(mails, STEPS, strict=True):
        storing.store(mail)
        for after in (False, True):
            killed_at(module, name, jobs.read_mail, after=after)
        jobs.read_mail()

    assert_each_counts_once(delivery, len(STEPS))


def test_wherever_mail_comes_in_a_kill_loses_none_and_stores_none_twice(
    tmp_path: Path, settings: Any, monkeypatch
):
    delivery = delivery_with(sent=4)
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    settings.MAIL_FOLDERS = [str(tmp_path)]
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    source = MailSource.objects.create(label="Box", kind="maildir", path=str(tmp_path / "box"), removes=True)
    by_pipe, by_folder = ([bounce_of(delivery, seq) for seq in seqs] for seqs in ((1, 2), (3, 4)))
    for number, raw in enumerate(by_folder):
        (tmp_path / "box" / "new" / str(number)).write_bytes(raw)

    for after in (False, True):
        killed_at(storing, "store", lambda: pipe(by_pipe[0]), after=after)
        killed_at(storing.queues.READ_MAIL.__class__, "enqueue", lambda: pipe(by_pipe[1]), after=after)
        killed_at(mailboxes, "_put_away", lambda: sources.fetch(source), after=after)
    for raw in by_pipe:  # the server was never told that it was taken, and comes again
        pipe(raw)
    sources.fetch(source)
    jobs.read_mail()

    assert not list((tmp_path / "box" / "new").iterdir())
    assert_each_counts_once(delivery, 4)


def assert_each_counts_once(delivery: Any, number: int) -> None:
    """Every message bounced, every error counts once, and all figures agree, now and if it is done again."""
    jobs.read_mail()
    assert statuses(delivery) == ["BOUNCED"] * number
    assert IncomingMail.objects.count() == Report.objects.count() == AddressError.objects.count() == number
    assert set(Report.objects.values_list("outcome", flat=True)) == {Outcome.BOUNCED}
    assert set(Quarantine.objects.values_list("errors", flat=True)) == {1}
    assert statistics.counts(delivery).failed == number
    assert reconciliation.reconcile(delivery.pk).balanced


def test_wherever_the_count_of_refusals_is_killed_each_counts_once():
    delivery = delivery_with(failed=3)
    Message.objects.filter(delivery=delivery).update(nature="soft", reason="mailbox_full")

    for module, name in ((error_counts, "count_given"), (error_counts, "stand"), (mail_exchanges, "want")):
        for after in (False, True):
            killed_at(module, name, jobs.count_refusals, after=after)
            assert not AddressError.objects.exists()  # all of a step, or nothing
    jobs.count_refusals()
    jobs.count_refusals()

    assert RefusalLook.objects.get().counted[-1] == 3
    assert AddressError.objects.count() == 3
    assert set(Quarantine.objects.values_list("status", "errors")) == {("erroneous", 1)}
    assert refusals.count(delivery.pk) == 0
