"""One step for many deliveries: duplicate, delete, move, place."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.drafting import many
from deliveries.drafting.many import Outcome
from deliveries.folders import naming
from deliveries.models import Delivery

STEPS = ("duplicate", "delete", "move", "place")


class Command(DeliveriesCommand):
    help = (
        f"Duplicate, delete, move or place (put in a folder) up to {many.MOST} deliveries. What is refused for one"
        " holds up no other."
    )
    example = (
        "manage.py many_deliveries move DM95 DM96 --unit Europe --as ana\n"
        "  manage.py many_deliveries place DM95 --folder Summer --as ana"
    )
    exit_codes = "0 all done, 1 something was refused, 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("step", choices=STEPS, help="what to do with each")
        parser.add_argument("deliveries", nargs="+", metavar="DELIVERY", help="IDs: DM95, or 95")
        parser.add_argument("--unit", metavar="UNIT", help="where to, for a move: its label or id")
        parser.add_argument(
            "--folder",
            metavar="FOLDER",
            help="where to place them: its number, label or path; none: in no folder",
        )
        parser.add_argument("--yes", action="store_true", help="to delete: do not ask again")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Take the step for each; raise SystemExit (1) where one was refused, CommandError for a call without sense."""
        assert by is not None
        found = [self.find(text, by=by) for text in dict.fromkeys(options["deliveries"])]
        outcome = self._done(options, found, by=by)
        for one in outcome.done:
            self.say(f"{one.name} “{one.label}”: done")
        for one, refusal in outcome.refused:
            self.say(f"{one.name} “{one.label}”: {refusal}")
        answer = {
            "done": [one.name for one in outcome.done],
            "refused": [
                {"delivery": one.name, "error": getattr(refusal, "code", ""), "message": str(refusal)}
                for one, refusal in outcome.refused
            ],
        }
        if outcome.refused:
            if self.as_json:
                self._print_json(answer)
            raise SystemExit(1)
        return answer

    def _done(self, options: dict[str, Any], found: list[Delivery], *, by: User) -> Outcome:
        if options["step"] == "duplicate":
            return many.duplicate(deliveries=found, by=by)
        if options["step"] == "move":
            if not options["unit"]:
                self.fail("no_unit", "Say where to: --unit UNIT.", exit_code=USAGE)
            return many.move(deliveries=found, unit=self.unit(options["unit"], by=by), by=by, at=clock.now())
        if options["step"] == "place":
            if not options["folder"]:
                self.fail("no_folder", "Say where to: --folder FOLDER, or --folder none.", exit_code=USAGE)
            folder = None if options["folder"] == "none" else naming.named(options["folder"], by=by)
            return many.place(deliveries=found, folder=folder, by=by)
        if not options["yes"]:
            self.fail("not_sure", "Say --yes if you are sure.", exit_code=USAGE)
        return many.delete(deliveries=found, by=by)
