"""Approve what was prepared."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.approval import decisions as approval
from deliveries.commands.base import StepCommand, full_seal
from deliveries.models import Delivery


class Command(StepCommand):
    help = "Accept what was prepared. With --seal only if it still is what you looked at."
    example = "manage.py approve_delivery DM95 --as bruno --seal 3f9a71c0d2e4"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seal",
            help="the seal that show_delivery named, or its first 12 characters (default: the latest)",
        )
        parser.add_argument("--comment", default="", help="a word to those who read the history")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        seal = full_seal(delivery, options["seal"]) if options["seal"] else delivery.seal
        approval.approve(delivery=delivery, seal=seal, by=by, at=clock.now(), comment=options["comment"])
        return self.answer(delivery)
