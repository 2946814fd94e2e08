"""Take a confirmation back."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery


class Command(StepCommand):
    help = "Take the confirmation back: the delivery is Ready again. Refused once the first message has left."
    example = "manage.py unconfirm_delivery DM95 --as carla"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        confirmation.take_back(delivery=delivery, by=by, at=clock.now())
        return self.answer(delivery)
