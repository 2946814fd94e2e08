"""Wait until a delivery has come somewhere."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries.commands.base import DeliveriesCommand, add_timeout_option
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Status
from deliveries.overview import state


class Command(DeliveriesCommand):
    help = "Wait until the delivery has one of the statuses."
    example = "manage.py wait_delivery DM95 --until finished --timeout 600"
    exit_codes = "0 it has one of the statuses, 1 it ends in another one, 2 wrong usage"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument(
            "--until", action="append", choices=Status.values, metavar="STATUS", help="default: finished"
        )
        add_timeout_option(parser, seconds=3600)

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery = self.find(options["delivery"], by=by)
        wanted = options["until"] or groups.COMPLETED

        def has_come(delivery: Delivery) -> bool:
            return delivery.status in wanted or delivery.status in groups.FINAL

        self.wait(delivery, until=has_come, seconds=options["timeout"])
        answer = self.answer(delivery)
        if delivery.status not in wanted:
            self.fail(delivery.status, f"{delivery.name} ended as “{state.words(delivery)}”.")
        return answer
