"""What is queued by the clock. Two of these side by side do no harm: every job here may run twice."""

from importlib import import_module

from django_rq.cron import DjangoCronScheduler

from campaign.lib.jobs import Queue

SHORT = {"result_ttl": 5, "ttl": 30, "failure_ttl": 24 * 3600}
LONG = {"result_ttl": 600, "failure_ttl": 7 * 24 * 3600}


def scheduler() -> DjangoCronScheduler:
    """The scheduler with everything that happens by the clock."""
    cron = DjangoCronScheduler()
    tick = import_module("deliveries.jobs").tick
    fold = import_module("reporting.jobs").fold
    # A tick that waited for half a minute is worth nothing: the next ones stand behind it.
    cron.register(tick, Queue.TICK, interval=1, job_timeout=60, **SHORT)
    cron.register(fold, Queue.DEFAULT, cron="0 * * * *", job_timeout=1800, **LONG)
    cron.register(forget_old_sessions, Queue.DEFAULT, cron="17 3 * * *", job_timeout=600, **LONG)
    return cron


def forget_old_sessions() -> None:
    """Sessions that have expired are gone from the database."""
    from django.core.management import call_command

    call_command("clearsessions")
