"""Take a sender off a unit's list."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from deliveries.routing import senders


class Command(UnitCommand):
    help = "Take an address or a domain off a unit's list of senders. What was confirmed leaves as confirmed."
    example = "manage.py remove_sender Brasil news@example.com --as diego"

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="as list_senders names it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        senders.remove(unit=unit, address=options["address"], by=by)
        self.say(f"“{options['address']}” is no sender of “{unit}” any more.")
        return {"unit": unit.label, "removed": options["address"]}
