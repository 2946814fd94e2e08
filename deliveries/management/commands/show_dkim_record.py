"""The DNS record that lets receivers check a route's signatures."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries.management.routes import RouteCommand
from deliveries.models import Route
from deliveries.routing import signing


class Command(RouteCommand):
    help = (
        "Show the DNS record with the public key of a route that signs (DKIM), ready to copy. With --check, "
        "ask DNS for it."
    )
    example = "manage.py show_dkim_record Newsletters --check --as diego"
    exit_codes = "0 shown, 1 with --check: receivers won't find this key; 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--check", action="store_true", help="look whether DNS holds the record")

    def on(self, route: Route, *, by: User, options: dict[str, Any]) -> dict[str, Any]:
        record = signing.record_of(route)
        if record is None:
            self.fail("signs_nothing", f"The route “{route.label}” signs nothing: it names no domain.")
        problem = signing.published(record) if options["check"] else ""
        if problem:
            self.fail("not_published", f"{record.name}: {problem}.")
        self.say(
            f"Name   {record.name}\nType   TXT\nValue  {record.value}\n\nFor a zone file:\n{record.zone_line}"
        )
        if options["check"]:
            self.say("\nDNS holds it.")
        answer = {"route": route.label, "name": record.name, "type": "TXT", "value": record.value}
        return answer | {"zone_line": record.zone_line} | ({"published": True} if options["check"] else {})
