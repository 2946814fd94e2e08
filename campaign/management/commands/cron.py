import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from campaign import cron


class Command(BaseCommand):
    help = "Queues what is due by the clock: the tick, the hourly figures, the daily cleaning."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the scheduler and stay until a signal ends it. Raise CommandError where the queue can't be reached."""
        logging.getLogger("rq.cron").setLevel(logging.WARNING)  # it would tell of every tick
        try:
            cron.scheduler().start()
        except RedisError as error:
            raise CommandError(f"The queue can't be reached: {error}") from error
