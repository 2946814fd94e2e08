"""Say whom a delivery comes from, by an address on its unit's lists."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.drafting import sending_as
from deliveries.models import Delivery


class Command(StepCommand):
    help = (
        "The delivery comes from this sender of its unit, or of one above: with its name, its address of replies and "
        "its route. What was prepared must then be prepared and approved anew. list_senders names them."
    )
    example = "manage.py set_sender DM95 news@example.com --as ana"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="an address on the lists of the unit")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        content = sending_as.set_sender(delivery=delivery, address=options["address"], by=by, at=clock.now())
        self.say(f"{delivery.name} comes from {content.from_name} <{content.from_address}>.")
        return self.answer(delivery, sender=content.from_address)
