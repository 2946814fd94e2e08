"""Put a folder, with all in it, somewhere else."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.folders import naming, tree
from deliveries.folders.management.commands.save_folder import described


class Command(DeliveriesCommand):
    help = "Put a folder, with all that lies in it, into another one, or at the top."
    example = "manage.py move_folder July --in Summer --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", help="its number, label or path")
        parser.add_argument("--in", dest="parent", metavar="FOLDER", help="where to")
        parser.add_argument("--top", action="store_true", help="into no other folder")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        if bool(options["parent"]) == options["top"]:
            self.fail("no_place", "Say where to: --in FOLDER, or --top.", exit_code=USAGE)
        parent = naming.named(options["parent"], by=by) if options["parent"] else None
        folder = tree.move(folder=naming.named(options["folder"], by=by), parent=parent, by=by)
        answer = described(folder)
        self.say(f"{folder.pk}: “{answer['path']}”.")
        return answer
