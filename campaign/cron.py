"""What is queued by the clock. Two of these side by side do no harm: every job here may run twice."""

from collections.abc import Callable

from django.core.management import call_command
from django_rq.cron import DjangoCronScheduler

from accounts.jobs import forget_kept_forms, forget_old_brakes
from alerts.jobs import forget_old, look_back
from audiences.jobs import forget_old_errors, forget_old_imports, look_up_exchanges
from campaign.errands import look
from campaign.lib.jobs import SECONDS_FAILURES_KEPT, SECONDS_KEPT, Queue
from deliveries.jobs import forget_old_drafts, look_up, tick
from feedback.jobs import count_refusals, forgive_reached, keep_partitions
from reporting.jobs import apply_retention, carry_on_erasures, fold, forget_person_exports

SECONDS_BETWEEN_TICKS = 1
SECONDS_BETWEEN_ERRANDS = 15
SECONDS_BETWEEN_LOOKS_AT_DNS = 300
SECONDS_BETWEEN_LOOKS_AT_REFUSALS = 300
SECONDS_BETWEEN_LOOKS_AT_ERASURES = 300


def scheduler() -> DjangoCronScheduler:
    """The scheduler with everything that happens by the clock."""
    cron = DjangoCronScheduler()
    # A tick that waited for half a minute is worth nothing, the next ones stand behind it.
    cron.register(
        tick,
        Queue.TICK,
        interval=SECONDS_BETWEEN_TICKS,
        job_timeout=20,
        result_ttl=1,  # left to expire: RQ takes a third less of a job's time than for deleting it
        ttl=30,
        failure_ttl=3600,
    )
    cron.register(
        look,
        Queue.STEPS,
        interval=SECONDS_BETWEEN_ERRANDS,
        job_timeout=60,
        result_ttl=0,
        ttl=SECONDS_BETWEEN_ERRANDS,
        failure_ttl=3600,
    )
    by_interval: tuple[tuple[Callable[..., None], int, int], ...] = (
        (look_up, SECONDS_BETWEEN_LOOKS_AT_DNS, 90),
        (look_up_exchanges, SECONDS_BETWEEN_LOOKS_AT_DNS, 120),
        (count_refusals, SECONDS_BETWEEN_LOOKS_AT_REFUSALS, 900),
        (carry_on_erasures, SECONDS_BETWEEN_LOOKS_AT_ERASURES, 900),
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
        (look_back, "5 * * * *", 600),
        (forget_old, "57 3 * * *", 600),
        (forget_old_imports, "7 * * * *", 600),
        (forget_old_sessions, "17 3 * * *", 600),
        (forget_old_brakes, "27 3 * * *", 600),
        (forget_kept_forms, "37 * * * *", 600),
        (forget_person_exports, "57 * * * *", 600),
        (forget_old_drafts, "47 3 * * *", 600),
        (forget_old_errors, "0 4 * * *", 1800),
        (forgive_reached, "0 4 * * *", 1800),
        (apply_retention, "20 4 * * *", 1800),
        (keep_partitions, "23 4 * * *", 1800),
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
