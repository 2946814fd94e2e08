"""Allow sending again after all of it was stopped."""

from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.units import UnitCommand
from deliveries.sending.control import halts


class Command(UnitCommand):
    help = "Allow sending again: what was held goes on from the exact message where it stopped."
    example = "manage.py allow_sending --as carla"

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        unit = self.unit(options["unit"], by=by)
        halts.allow(unit=unit, by=by, at=clock.now())
        self.say(f"Sending of “{unit}” is allowed again.")
        return {"unit": unit.label}
