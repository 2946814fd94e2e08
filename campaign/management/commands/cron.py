import logging
from typing import Any

from django.core.management.base import CommandError
from redis.exceptions import RedisError

from campaign import cron
from campaign.lib.helped import HelpedCommand


class Command(HelpedCommand):
    help = "Queue what is due by the clock: the tick, the hourly figures, the daily cleaning."
    example = "manage.py cron"
    exit_codes = "0 told to stop, 1 the queue can't be reached"

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the scheduler and stay until a signal ends it. Raise CommandError where the queue can't be reached."""
        logging.getLogger("rq.cron").setLevel(logging.WARNING)  # it would tell of every tick
        try:
            cron.scheduler().start()
        except RedisError as error:
            raise CommandError(f"The queue can't be reached: {error}") from error
