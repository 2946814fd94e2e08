"""Duplicate a delivery."""

from typing import Any

from accounts.models import User
from deliveries import drafting
from deliveries.commands.base import StepCommand
from deliveries.models import Delivery


class Command(StepCommand):
    help = "Make a draft with the same settings and content, and with no date: one must be chosen anew."
    example = "manage.py duplicate_delivery DM95 --as ana"

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        return self.answer(drafting.duplicate(delivery=delivery, by=by), copied_from=delivery.name)
