"""How many messages of a delivery leave in an hour."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.routing import limits


class Command(StepCommand):
    help = (
        "Set how many messages of a delivery leave in an hour at most, or “none”. Also while it is sent: it acts "
        "from the next window on, and asks for no new approval."
    )
    example = "manage.py set_limit DM95 --per-hour 3600 --as carla"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--per-hour", required=True, metavar="N", help="messages an hour, or none")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        limit = limits.set_limit(delivery=delivery, per_hour=options["per_hour"], by=by, at=clock.now())
        at_most = f"at most {limit:,} messages an hour" if limit else "as fast as its route takes it"
        self.say(f"{delivery.name} is sent {at_most}.")
        return {"delivery": delivery.name, "limit_per_hour": limit}
