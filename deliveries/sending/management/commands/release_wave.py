"""Let a held wave leave."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery
from deliveries.sending.control import waves


class Command(StepCommand):
    help = (
        "Let the held wave leave now, in spite of the bounces and errors before it. Those behind it follow an "
        "interval later each, and each is judged again."
    )
    example = "manage.py release_wave DM95 --as carla"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        wave = waves.release(delivery=delivery, by=by, at=clock.now())
        self.say(f"Wave {wave.number}, {wave.people:,} messages, may leave.")
        return self.answer(delivery, wave=wave.number, people=wave.people)
