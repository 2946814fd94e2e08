"""Delete a folder in which nothing lies."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from deliveries.commands.base import DeliveriesCommand
from deliveries.folders import naming, tree


class Command(DeliveriesCommand):
    help = "Delete a folder in which nothing lies."
    example = "manage.py delete_folder 12 --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", help="its number, label or path")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        folder = naming.named(options["folder"], by=by)
        pk = folder.pk
        tree.delete(folder=folder, by=by)
        self.say(f"“{folder}” is deleted.")
        return {"folder": pk, "deleted": True}
