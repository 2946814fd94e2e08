"""Delete a delivery that was never released."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries import drafting
from deliveries.commands.base import USAGE, StepCommand
from deliveries.models import Delivery


class Command(StepCommand):
    help = "Delete a delivery that was never confirmed, with all that was prepared for it."
    example = "manage.py delete_delivery DM95 --as ana --yes"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask again")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        name, label = delivery.name, delivery.label
        if not options["yes"]:
            self._ask(delivery)
        drafting.delete(delivery=delivery, by=by)
        self.say(f"{name} “{label}” is deleted.")
        return {"delivery": name, "label": label, "deleted": True}

    def _ask(self, delivery: Delivery) -> None:
        if not self.asks:
            self.fail("not_sure", "Say --yes if you are sure.", exit_code=USAGE)
        if input(f"Delete {delivery.name} “{delivery.label}”? Type YES: ").strip().upper() != "YES":
            self.fail("not_deleted", "Not deleted.")
