"""Stop a send for good."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries import lifecycle
from deliveries.commands.base import USAGE, StepCommand
from deliveries.models import Delivery
from deliveries.sending import control


class Command(StepCommand):
    help = "Stop the send for good: what has not left never will; a series ends. It asks again, unless --yes says so."
    example = "manage.py stop_delivery DM95 --as carla --yes"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask again")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        lifecycle.check(delivery, control.stopping(delivery), by=by)
        if not options["yes"]:
            self._ask(delivery)
        receipt = control.stop(delivery=delivery, by=by, at=clock.now())
        if delivery.is_recurring:
            self.say("The series has ended: there are no more runs.")
        else:
            self.say(f"{receipt.left:,} had left, {receipt.cancelled:,} never will.")
            for remark in receipt.remarks:
                self.say(remark)
        return self.answer(
            delivery,
            left=receipt.left,
            cancelled=receipt.cancelled,
            refused=receipt.refused,
            unsent=receipt.unsent,
        )

    def _ask(self, delivery: Delivery) -> None:
        ahead = control.before_stopping(delivery)
        what = f"{ahead.left:,} have left, {ahead.cancelled:,} never will"
        if delivery.is_recurring:
            what = "The series ends; there are no more runs"
        if not self.asks:
            self.fail("not_sure", f"{what}: say --yes if you are sure.", exit_code=USAGE)
        self.say(f"{what}. This can't be undone.")
        if input("Type STOP to stop: ").strip().upper() != "STOP":
            self.fail("not_stopped", "Not stopped; the send goes on.")
