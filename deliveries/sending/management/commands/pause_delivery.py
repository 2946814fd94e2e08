"""Pause a send."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.sending import control


class Command(StepCommand):
    help = "Pause the send: nothing more is handed over until it is resumed."
    example = "manage.py pause_delivery DM95 --as carla"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        control.pause(delivery=delivery, by=by, at=clock.now())
        return self.answer(delivery)
