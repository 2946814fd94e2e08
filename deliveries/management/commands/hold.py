"""Put a delivery or a unit under a legal hold, lift it, or list the holds."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import OrganizationalUnit, User
from campaign.lib import clock
from deliveries.commands.base import DeliveriesCommand
from deliveries.models import Delivery
from deliveries.retention import holds


class Command(DeliveriesCommand):
    help = (
        "Place a legal hold on a delivery, or on all deliveries of a unit and below: nothing of them goes by a"
        " retention period or is deleted meanwhile. With neither --reason nor --lift: list the holds that concern it."
    )
    example = "manage.py hold --delivery DM95 --reason 'Case 17/2026' --as diego"

    def add_options(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        what.add_argument("--unit", metavar="UNIT", help="its label or id")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--reason", help="why it must be kept: a hold is placed")
        how.add_argument("--lift", action="store_true", help="its own hold is over")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        on: Delivery | OrganizationalUnit
        named = options["delivery"]
        on = self.find(named, by=by) if named is not None else self.unit(options["unit"], by=by)
        if options["reason"] is not None:
            holds.place(on=on, reason=options["reason"], by=by, at=clock.now())
        elif options["lift"]:
            holds.lift(on=on, by=by, at=clock.now())
        found = holds.of_delivery(on) if isinstance(on, Delivery) else holds.of_unit(on).in_force()
        lines = [
            {
                "of": str(hold.delivery or hold.unit),
                "reason": hold.reason,
                "by": hold.by.username,
                "since": hold.at,
            }
            for hold in found
        ]
        for line in lines:
            self.say(f"{line['of']}: {line['reason']} ({line['by']}, {line['since']:%Y-%m-%d})")
        if not lines:
            self.say("No hold.")
        return {"holds": lines}
