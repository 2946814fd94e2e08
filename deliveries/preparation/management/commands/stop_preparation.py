"""Stop a preparation that runs."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.preparation import verbs as preparation


class Command(StepCommand):
    help = "Stop a preparation that runs; the delivery is back in Editing and nothing of it stays."
    example = "manage.py stop_preparation DM95 --as ana"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        preparation.stop(delivery=delivery, by=by, at=clock.now())
        return self.answer(delivery)
