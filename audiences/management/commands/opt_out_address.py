"""Note that an address opted out, whoever has it; or take that back."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.consent import address_opt_outs
from campaign.lib import clock


class Command(PersonCommand):
    help = (
        "Opt an address out: nobody is written to there any more, whoever has it or comes in with it later. With "
        "--take-back it may be used again, by profiles that did not opt out themselves."
    )
    example = (
        "manage.py opt_out_address joao@example.com --as ana\n"
        "manage.py opt_out_address joao@example.com --take-back --as ana"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="such as joao@example.com")
        parser.add_argument(
            "--channel",
            choices=address_opt_outs.CHANNELS,
            default="email",
            help="any: whatever goes out, not only mail (default: email)",
        )
        parser.add_argument("--take-back", action="store_true", help="it may be used again")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        address, channel = options["address"], options["channel"]
        verb = address_opt_outs.take_back if options["take_back"] else address_opt_outs.opt_out
        verb(address=address, channel=channel, at=clock.now(), by=by, source="command")
        self.say(f"{address}: {'may be used again' if options['take_back'] else 'opted out'} ({channel}).")
        return {"address": address, "channel": channel, "opted_out": not options["take_back"]}
