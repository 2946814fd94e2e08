"""The moments of a recurrence rule, for checking it against other implementations."""

import json
from argparse import ArgumentTypeError
from datetime import date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.management.base import CommandError, CommandParser

from campaign.lib.helped import HelpedCommand
from campaign.lib.recurrence import BadRule, Recurrence, parsed

MOST = 10_000


class Command(HelpedCommand):
    help = (
        "Print when a recurrence rule (RFC 5545) comes, from a local start in a zone. It needs no database."
    )
    example = (
        'manage.py show_occurrences --rule "FREQ=WEEKLY;BYDAY=MO" --start 2026-12-07T09:00 --zone '
        "America/Sao_Paulo --count 4"
    )
    exit_codes = "0 printed, 2 the rule, the start or the zone makes no sense"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rule", required=True, metavar="RRULE", help="for example FREQ=WEEKLY;BYDAY=MO,TH"
        )
        parser.add_argument(
            "--start",
            required=True,
            type=_local,
            metavar="ISO",
            help="what the clocks in the zone show: 2026-12-01T09:00",
        )
        parser.add_argument("--zone", default="UTC", help="an IANA name such as America/Sao_Paulo")
        parser.add_argument(
            "--count", type=_count, default=10, metavar="N", help=f"how many at most, up to {MOST}"
        )
        parser.add_argument(
            "--except", dest="excluded", type=date.fromisoformat, action="append", default=[], metavar="DATE",
            help="a local day on which it does not come; may be given several times",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the first moments of the rule; raise CommandError for an unknown zone or a rule that makes no sense."""
        zone = options["zone"]
        if zone not in available_timezones():
            raise CommandError(f"“{zone}” is no time zone; write one like America/Sao_Paulo", returncode=2)
        try:
            rule = parsed(options["rule"], options["start"])
        except BadRule as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        recurrence = Recurrence(rule, options["start"], zone, frozenset(options["excluded"]))
        moments = [
            moment.astimezone(ZoneInfo(zone)) for moment in islice(recurrence.moments(), options["count"])
        ]
        if options["as_json"]:
            shown = {
                "rule": rule,
                "start": options["start"].isoformat(),
                "zone": zone,
                "occurrences": [moment.isoformat() for moment in moments],
            }
            self.stdout.write(json.dumps(shown, indent=2))
        else:
            for moment in moments:
                self.stdout.write(f"{moment:%a} {moment.isoformat()}")


def _local(text: str) -> datetime:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"“{text}” is no local time; write one like 2026-12-01T09:00") from None
    if local.tzinfo is not None:
        raise ArgumentTypeError("a local time without offset: --zone says whose clocks are meant")
    return local


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MOST:
        raise ArgumentTypeError(f"a number from 1 to {MOST}")
    return int(text)
