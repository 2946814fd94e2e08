"""Say which files go along with a delivery."""

from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from accounts.models import User
from campaign.lib import clock
from deliveries.commands.base import USAGE, StepCommand
from deliveries.drafting import attachments
from deliveries.drafting.attachments import Upload
from deliveries.models import Delivery


class Command(StepCommand):
    help = (
        "Just these files go along with every message of the delivery, in this order; without any there are none. "
        "What was prepared must then be prepared and approved anew."
    )
    example = "manage.py set_attachments DM95 terms.pdf prices.pdf --as ana"

    def add_step_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="a file to attach")

    def step(self, *, delivery: Delivery, by: User, options: dict[str, Any]) -> Any:
        with ExitStack() as opened:
            try:
                files = [
                    Upload(path.name, opened.enter_context(path.open("rb"))) for path in options["files"]
                ]
            except OSError as error:
                self.fail("no_such_file", f"{error.filename}: {error.strerror}", exit_code=USAGE)
            there = attachments.set_all(delivery=delivery, by=by, at=clock.now(), files=files)
        named = [{"name": one.name, "type": one.media_type, "size": one.size} for one in there]
        self.say(f"Attached to {delivery.name}: {', '.join(one.name for one in there) or 'nothing'}")
        return self.answer(delivery, attachments=named)
