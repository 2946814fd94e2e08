"""Make a service that people can subscribe to."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.services import definitions
from campaign.lib import clock

LARGEST_FILE = 200_000


def words_in(command: PersonCommand, path: Path | None) -> Any:
    """The words that a JSON file holds by language; None without a file. Leave with 2 where it can't be read."""
    if path is None:
        return None
    try:
        if path.stat().st_size > LARGEST_FILE:
            command.fail("bad_file", f"{path} is larger than {LARGEST_FILE:,} octets.", exit_code=2)
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        command.fail("bad_file", f"{path}: {error}", exit_code=2)


class Command(PersonCommand):
    help = (
        "Make a service, such as a newsletter. Its form takes nobody before somebody who may start deliveries has "
        "activated its text (activate_service)."
    )
    example = 'manage.py create_service "Coffee letter" --unit Brasil --as ana'

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("label", help="for colleagues")
        parser.add_argument("--unit", required=True, metavar="UNIT", help="its label or id")
        parser.add_argument("--name", default="", help="what readers see; the label if left away")
        parser.add_argument(
            "--single-opt-in",
            action="store_true",
            help="whoever signs up is subscribed without a mail; takes the right to start deliveries",
        )
        parser.add_argument(
            "--text",
            type=Path,
            metavar="FILE",
            help='JSON: {"en": {"consent": …, "subject": …, "body": …}, "pt-br": …}; without it, what is shipped',
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        made = definitions.create(
            label=options["label"],
            public_name=options["name"],
            unit=self.unit(options["unit"], by=by),
            double_opt_in=not options["single_opt_in"],
            words=words_in(self, options["text"]),
            by=by,
            at=clock.now(),
        )
        text = made.texts.get()
        self.say(
            f"“{made}” is made, number {made.pk}. Its text waits to be activated, with the seal {text.seal}."
        )
        return {"service": made.pk, "label": made.label, "text": text.number, "seal": text.seal}
