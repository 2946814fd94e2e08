"""Say whether deliveries of a unit measure people who were not asked."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import UnitCommand
from accounts.models import Unasked, User
from accounts.units import unit_tracking


class Command(UnitCommand):
    help = (
        "Say whether deliveries of a unit, and of all below it, measure opens and clicks of people who neither agreed "
        "nor refused. Without ON or OFF, the unit says nothing of its own, and what is said above holds."
    )

    def add_unit_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "unasked", metavar="ON|OFF", nargs="?", type=str.lower, choices=["on", "off"], default=""
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        unit_tracking.save(unit=unit, unasked=options["unasked"] or "", by=by)
        holds = unit_tracking.tracks_unasked(unit)
        self.say(
            f"In deliveries of “{unit}” people who were not asked are {'' if holds else 'not '}measured."
        )
        return {"unit": unit.label, "own": unit.tracking_unasked or Unasked.AS_ABOVE, "holds": holds}
