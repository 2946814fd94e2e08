"""Say why a delivery does not move."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import DeliveriesCommand
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.overview import diagnosis, state
from deliveries.overview.diagnosis import Diagnosis


class Command(DeliveriesCommand):
    help = (
        "Say why a delivery does not move, or what it waits for, and what to do about it. Without DELIVERY:"
        " the installation, and every delivery that should be moving."
    )
    example = "manage.py doctor DM95"
    exit_codes = "0 all that waits does so rightly, 1 something is wrong, 2 wrong usage"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", nargs="?", metavar="DELIVERY", help="its ID: DM95, or 95")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        """Print what is wrong with the installation and with the deliveries, and return it as `--json` prints it.

        Raise SystemExit (1) or CommandError where somebody must see to something.
        """
        at = clock.now()
        chosen = [self.find(options["delivery"], by=by)] if options["delivery"] else None
        everything = diagnosis.of_installation(at=at)
        self._tell("The installation", everything)
        answer: dict[str, Any] = {"installation": [one.as_dict() for one in everything], "deliveries": []}
        for delivery in chosen or diagnosis.deliveries_to_look_at():
            found = diagnosis.of_delivery(delivery, at=at) + _relay(delivery) + _sender(delivery)
            self._tell(f"{delivery.name} “{delivery.label}”: {state.words(delivery)}", found)
            answer["deliveries"].append(
                {
                    "delivery": delivery.name,
                    "status": delivery.status,
                    "diagnoses": [one.as_dict() for one in found],
                }
            )
            everything = everything + found
        faults = sum(one.is_fault for one in everything)
        if faults and self.as_json:
            self._print_json(answer)
            raise SystemExit(1)
        if faults:
            self.fail("faults", f"{faults} found that somebody must see to.")
        return answer

    def _tell(self, what: str, found: list[Diagnosis]) -> None:
        self.say(what)
        for one in found:
            self.say(f"  {'!' if one.is_fault else '·'} {one.text}")
        if not found:
            self.say("  · Nothing is wrong.")


def _relay(delivery: Delivery) -> list[Diagnosis]:
    return diagnosis.of_relay(delivery) if delivery.status in groups.LEAVING else []


def _sender(delivery: Delivery) -> list[Diagnosis]:
    return [] if delivery.status in groups.FINAL else diagnosis.of_sender(delivery)
