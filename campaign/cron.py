"""What is queued by the clock. Two of these side by side do no harm: every job here may run twice."""

from collections.abc import Callable

from django.core.management import call_command
from django_rq.cron import DjangoCronScheduler

from accounts.jobs import forget_kept_forms, forget_old_brakes, mail_letters
from audiences.jobs import forget_old_errors, wake_imports
from campaign.lib.jobs import SECONDS_FAILURES_KEPT, SECONDS_KEPT, Queue
from deliveries.jobs import forget_old_drafts, look_up, tick
from feedback.jobs import fetch_mail, read_mail
from reporting.jobs import fold, wake_recounts

SECONDS_BETWEEN_TICKS = 1
SECONDS_BETWEEN_LOOKS_AT_IMPORTS = 15
SECONDS_BETWEEN_LOOKS_AT_LETTERS = 60
SECONDS_BETWEEN_LOOKS_AT_RECOUNTS = 60
SECONDS_BETWEEN_LOOKS_AT_DNS = 300
SECONDS_BETWEEN_LOOKS_AT_MAIL = 60
SECONDS_BETWEEN_LOOKS_AT_SOURCES = 60


def scheduler() -> DjangoCronScheduler:
    """The scheduler with everything that happens by the clock."""
    cron = DjangoCronScheduler()
    # A tick that waited for half a minute is worth nothing, the next ones stand behind it.
    cron.register(
        tick,
        Queue.TICK,
        interval=SECONDS_BETWEEN_TICKS,
        job_timeout=20,
        result_ttl=0,
        ttl=30,
        failure_ttl=3600,
    )
    by_interval: tuple[tuple[Callable[..., None], int, int], ...] = (
        (wake_imports, SECONDS_BETWEEN_LOOKS_AT_IMPORTS, 60),
        (wake_recounts, SECONDS_BETWEEN_LOOKS_AT_RECOUNTS, 60),
        (mail_letters, SECONDS_BETWEEN_LOOKS_AT_LETTERS, 600),
        (look_up, SECONDS_BETWEEN_LOOKS_AT_DNS, 90),
        (read_mail, SECONDS_BETWEEN_LOOKS_AT_MAIL, 600),
        (fetch_mail, SECONDS_BETWEEN_LOOKS_AT_SOURCES, 900),
    )
    for job, seconds, timeout in by_interval:
        cron.register(
            job,
            Queue.DEFAULT,
            interval=seconds,
            job_timeout=timeout,
            result_ttl=5,
            ttl=seconds,
            failure_ttl=3600,
        )
    by_hour: tuple[tuple[Callable[..., None], str, int], ...] = (
        (fold, "0 * * * *", 1800),
        (forget_old_sessions, "17 3 * * *", 600),
        (forget_old_brakes, "27 3 * * *", 600),
        (forget_kept_forms, "37 * * * *", 600),
        (forget_old_drafts, "47 3 * * *", 600),
        (forget_old_errors, "0 4 * * *", 1800),
    )
    for job, at, timeout in by_hour:
        cron.register(
            job,
            Queue.DEFAULT,
            cron=at,
            job_timeout=timeout,
            result_ttl=SECONDS_KEPT,
            failure_ttl=SECONDS_FAILURES_KEPT,
        )
    return cron


def forget_old_sessions() -> None:
    """Sessions that have expired are gone from the database."""
    call_command("clearsessions")
