"""Bring in what waits on this host: once, or from now on."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from campaign.lib.helped import HelpedCommand
from feedback import outage, watching
from feedback.hits import bringing_in


class Command(HelpedCommand):
    help = "Bring what waits on this host (opens, clicks, opt-outs) into the database. Safe to run again."
    example = "manage.py drain_spool --watch"
    exit_codes = "0 all is in the database, 1 the database is away: what waits is kept"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--watch", action="store_true", help="go on until told to stop; one on each host that runs web"
        )

    def handle(self, *args: Any, watch: bool, **options: Any) -> None:
        """Bring in what waits on disk; raise CommandError where the database is away, and keep what waits."""
        if watch:
            watching.until_told_to_stop()
            return
        try:
            brought = bringing_in.bring_in()
        except outage.Away:
            raise CommandError("The database is away; what waits is kept.") from None
        self.stdout.write(f"{brought} brought in.")
