"""Reject what was prepared."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.approval import decisions as approval
from deliveries.commands.base import StepCommand, full_seal
from deliveries.models import Delivery


class Command(StepCommand):
    help = "Send what was prepared back to Editing, with a comment that says what must change."
    example = 'manage.py reject_delivery DM95 --as bruno --comment "The offer ended yesterday."'

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--comment", required=True, help="what must change")
        parser.add_argument(
            "--seal",
            help="the seal that show_delivery named, or its first 12 characters (default: the latest)",
        )

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        seal = full_seal(delivery, options["seal"]) if options["seal"] else delivery.seal
        approval.reject(delivery=delivery, seal=seal, by=by, at=clock.now(), comment=options["comment"])
        return self.answer(delivery)
