"""How messages and exclusions lie by ranges of deliveries; make those to come."""

from argparse import ArgumentParser
from typing import Any

from django.db import OperationalError

from accounts.models import User
from deliveries.commands.base import DeliveriesCommand
from deliveries.ledger import ranges


class Command(DeliveriesCommand):
    help = (
        "List the partitions of messages and exclusions, one of each for a range of deliveries. --make makes those of "
        "the next deliveries, as a job does each day and each preparation for itself. A range goes by itself once a "
        "retention period has taken all that is in it: see apply_retention --dry-run."
    )
    example = "manage.py ledger_ranges\nmanage.py ledger_ranges --make"
    exit_codes = "0 done, 1 the tables are busy: try again in a moment; 2 wrong usage"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--make", action="store_true", help="make what is missing; safe to run again")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """List them, after having made what is missing if asked to. Raise CommandError where the tables are busy."""
        answer: dict[str, Any] = {}
        if options["make"]:
            answer["made"] = self._make()
            self.say(f"Made: {', '.join(answer['made']) or 'nothing was missing'}.")
        found = [each for table in ranges.TABLES for each in ranges.ranges(table, measured=True)]
        for each in found:
            first = "" if each.first is None else f"DM{each.first}"
            size = f"{each.rows:>14,} rows{each.octets / 1e6:>10,.1f} MB"
            self.say(f"{each.name:32}{first:>14} – {f'DM{each.end - 1}':<14}{size}")
        return answer | {"ranges": [each.as_dict() for each in found]}

    def _make(self) -> list[str]:
        try:
            return ranges.keep()
        except OperationalError:
            self.fail("busy", "Messages or exclusions are busy; nothing was changed. Try again in a moment.")
            raise
