"""Say what links in deliveries of a unit get."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import User
from accounts.units import unit_links
from campaign.lib import link_parameters


class Command(UnitCommand):
    help = (
        "Keep the parameters that links in deliveries of a unit, and of all below it, get: utm_source=newsletter. A "
        "value may use {{ delivery.label }}, {{ delivery.name }}, {{ delivery.date }}, {{ delivery.unit }}, "
        "{{ link.label }} and {{ link.position }}. A unit below and a delivery may say otherwise, name by name; a name "
        "without a value takes away what is said above. Without any, the unit says nothing of its own."
    )

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "parameters", metavar="NAME=VALUE", nargs="*", help="a parameter, as in utm_source=newsletter"
        )
        parser.add_argument(
            "--domain",
            dest="domains",
            metavar="DOMAIN",
            action="append",
            default=[],
            help="only links to this domain and those below it get them; may be given again (default: all)",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        pairs = link_parameters.from_lines(options["parameters"])
        unit_links.save(unit=unit, parameters=pairs, domains=options["domains"], by=by)
        holds = unit_links.of_unit(unit)
        self.say(f"Links in deliveries of “{unit}” get: {holds.in_words() or 'nothing'}")
        return {
            "unit": unit.label,
            "own": unit.link_parameters or [],
            "own_domains": unit.link_domains or [],
            "holds": [list(pair) for pair in holds.said],
            "domains": list(holds.domains or ()),
        }
