"""Resume a send."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.sending import control


class Command(StepCommand):
    help = "Go on with a paused send, from the message where it paused."
    example = "manage.py resume_delivery DM95 --as carla"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        control.resume(delivery=delivery, by=by, at=clock.now())
        return self.answer(delivery)
