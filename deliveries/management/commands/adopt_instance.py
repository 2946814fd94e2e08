"""Let a copy or a restored backup send again."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import DeliveriesCommand
from deliveries.operations import instances


class Command(DeliveriesCommand):
    help = (
        "Let a copy of the database, or a restored backup, send again. What was unfinished is paused, or back to "
        "Ready where its date lies ahead; messages that may have left since the copy was made have an unknown outcome."
    )
    example = "manage.py adopt_instance --as admin"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep-unfinished",
            action="store_true",
            help="nothing has left since the copy was made: what was prepared may be sent once it is resumed",
        )
        parser.add_argument("--again", action="store_true", help="adopt although nothing looks like a copy")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        receipt = instances.adopt(
            by=by, at=clock.now(), keep_unfinished=options["keep_unfinished"], again=options["again"]
        )
        if receipt.because:
            self.say(receipt.because)
        for held in receipt.deliveries:
            self.say(
                f"{held.delivery} “{held.label}”: {held.was} → {held.now}, {held.in_doubt:,} with an unknown outcome"
            )
        self.say(f"Adopted as {receipt.generation}. What is started from here on may leave.")
        return receipt.as_dict()
