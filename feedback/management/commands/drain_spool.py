"""Bring in what waited while the database was away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from feedback import hits, outage


class Command(BaseCommand):
    help = "Brings opens, clicks and opt-outs from the local spool into the database. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring in what waits on disk; raise CommandError where the database is away, and keep what waits."""
        try:
            brought = hits.drain_spool()
        except outage.Away:
            raise CommandError("The database is away; what waits is kept.") from None
        self.stdout.write(f"{brought} brought in.")
