"""Prepare a delivery."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from campaign.lib.jobs import Queue
from deliveries.commands.base import StepCommand, add_wait_options
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.preparation import verbs as preparation


class Command(StepCommand):
    help = "Begin a preparation: who gets the message, who is left out and why, and the seal over all of it."
    example = "manage.py prepare_delivery DM95 --as ana --wait"

    def add_step_options(self, parser: ArgumentParser) -> None:
        add_wait_options(parser, what="the preparation has ended", seconds=3600)

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        preparation.start(delivery=delivery, by=by, at=clock.now())
        if not options["wait"]:
            self.warn_without_worker(Queue.PREPARATION)
            return self.answer(delivery)
        delivery.refresh_from_db()
        self.wait(delivery, until=_has_ended, seconds=options["timeout"])
        return self._ended(delivery)

    def _ended(self, delivery: Delivery) -> dict[str, Any]:
        answer = self.answer(delivery)
        if delivery.status not in groups.UNDECIDED:
            found = answer["preparation"]["errors"]
            reasons = " ".join(found) or "Its log says why."
            self.fail("preparation_failed", f"{delivery.name} could not be prepared. {reasons}")
        counts = answer["preparation"]
        self.say(
            f"{counts['targeted']:,} targeted, {counts['excluded']:,} excluded, "
            f"{counts['to_deliver']:,} to deliver."
        )
        for warning in counts["warnings"]:
            self.say(f"Warning: {warning}")
        for information in counts["information"]:
            self.say(f"Information: {information}")
        return answer


def _has_ended(delivery: Delivery) -> bool:
    return delivery.status not in groups.BEING_PREPARED
