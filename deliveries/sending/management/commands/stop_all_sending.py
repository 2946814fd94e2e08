"""Stop all sending of a unit and everything below it."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.units import UnitCommand
from deliveries.sending.control import halts


class Command(UnitCommand):
    help = (
        "Stop all sending of a unit and all below: nothing more leaves, whatever is confirmed, until"
        " allow_sending. Prints how many had left and how many are held, delivery by delivery."
    )
    example = "manage.py stop_all_sending --reason 'Wrong price in the offer' --as carla"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--reason", required=True, help="everybody whose sending is stopped reads it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        receipt = halts.stop_all(unit=unit, by=by, at=clock.now(), reason=options["reason"])
        self.say(f"All sending of “{unit}” is stopped: {receipt.left:,} had left, {receipt.held:,} are held.")
        if receipt.remark:
            self.say(receipt.remark)
        for one in receipt.deliveries:
            self.say(
                f"  {one.delivery.name} “{one.delivery.label}”: {one.left:,} had left, {one.held:,} are held"
            )
        return {
            "unit": unit.label,
            "left": receipt.left,
            "held": receipt.held,
            "unsent": receipt.unsent,
            "deliveries": [
                {"delivery": one.delivery.name, "left": one.left, "held": one.held, "unsent": one.unsent}
                for one in receipt.deliveries
            ],
        }
