"""Say who may send in a unit's name."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from deliveries.commands.base import USAGE
from deliveries.models import Route
from deliveries.routing import senders


class Command(UnitCommand):
    help = (
        "Enter an address, or a domain for all its addresses, as a sender of a unit and of all below it; one that is "
        "there gets the name and the address of replies that are given. DNS is asked about it in the background."
    )
    example = 'manage.py save_sender Brasil news@example.com --name "Serra Alta Café" --as diego'

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "address", metavar="ADDRESS", help="an address or a domain: news@example.com, example.com"
        )
        parser.add_argument("--name", default="", help="the sender's name")
        parser.add_argument("--reply-to", default="", help="where replies go")
        parser.add_argument("--route", default="", help="the route of deliveries that choose it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        route = Route.objects.filter(label=options["route"]).first() if options["route"] else None
        if options["route"] and route is None:
            self.fail("no_such_route", f"There is no route “{options['route']}”.", exit_code=USAGE)
        sender = senders.save(
            unit=unit, address=options["address"], name=options["name"], reply_to=options["reply_to"],
            route=route, by=by,
        )  # fmt: skip
        self.say(f"“{sender}” may send in the name of “{unit}”.")
        return {
            "unit": unit.label,
            "address": sender.address,
            "name": sender.name,
            "reply_to": sender.reply_to,
            "route": options["route"],
        }
