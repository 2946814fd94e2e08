"""Take one mail in from a mail server."""

import logging
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from campaign.lib.helped import HelpedCommand
from campaign.lib.refusals import Refusal
from feedback.intake import storing
from feedback.outage import Away, reach

logger = logging.getLogger(__name__)

# Of a mail server that asks Postfix's local or virtual delivery, in the order in which they say most.
ENVELOPE = ("ORIGINAL_RECIPIENT", "RECIPIENT")


class Command(HelpedCommand):
    help = (
        "Store one mail from standard input: a pipe of the mail server that takes mail for the domain of the "
        "return path."
    )
    example = "manage.py receive_bounce --recipient bounce-1@returns.example.com < returned.eml"
    exit_codes = "0 stored, also where it was before; 75 not now: the server should try again; 65 no mail, or too large"
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recipient", default="", metavar="ADDRESS",
            help="the address that the mail came to; default: what the server put into ORIGINAL_RECIPIENT",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the mail; raise CommandError with the exit code that tells the server what to do."""
        envelope_to = options["recipient"] or next(filter(None, map(os.environ.get, ENVELOPE)), "")
        try:
            raw = sys.stdin.buffer.read(storing.most_octets() + 1)
            with reach("recording"):
                storing.store(raw, envelope_to=envelope_to)
        except Refusal as refusal:
            raise CommandError(str(refusal), returncode=os.EX_DATAERR) from None
        except Away:
            raise CommandError(
                "The database did not take it: try again.", returncode=os.EX_TEMPFAIL
            ) from None
        except Exception as error:  # whatever it was, the mail is still with the server, which keeps it
            logger.exception("a mail could not be stored")
            raise CommandError(f"Not stored: {error}", returncode=os.EX_TEMPFAIL) from error
