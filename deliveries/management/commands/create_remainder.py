"""Make a draft for those whom a stopped delivery never wrote to."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.operations import remainders


class Command(StepCommand):
    help = (
        "Make a draft of a stopped delivery's remainder: same settings and content, for those who never got it and"
        " nobody else. Prepare, approve and confirm it as any other."
    )
    example = "manage.py create_remainder DM95 --as ana"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        made = remainders.create(delivery=delivery, by=by, at=clock.now())
        return self.answer(made, remainder_of=delivery.name, never_written_to=remainders.size(made))
