"""How the tracking log lies in months; make those to come, or let the oldest go."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from feedback.hits import partitions


class Command(PersonCommand):
    help = (
        "List the partitions of the tracking log, one for each month. --make makes those to come and moves what "
        "strayed, as a job does each day. --drop lets the oldest go with all its opens and clicks, once its last month "
        "is over; the figures of deliveries stay as they were counted."
    )
    example = "manage.py hit_partitions\nmanage.py hit_partitions --make"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--make", action="store_true", help="make what is missing; safe to run again")
        what.add_argument(
            "--drop", metavar="NAME", help="drop the oldest, which has this name; needs --as and --yes"
        )
        parser.add_argument("--yes", action="store_true", help="really drop it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if options["make"]:
            answer["made"] = partitions.keep()
            self.say(f"Made: {', '.join(answer['made']) or 'nothing was missing'}.")
        if options["drop"]:
            answer["dropped"] = self._drop(options["drop"], by=by, sure=options["yes"])
        found = partitions.partitions()
        strays = partitions.strays()
        for each in found:
            size = f"{each.rows:>14,} hits{each.octets / 1e6:>10,.1f} MB"
            self.say(f"{each.name:24}{_day(each.begins):>12}{_day(each.ends):>12}{size}")
        self.say(f"In the default partition, which should be empty: {strays:,}.")
        return answer | {"partitions": [each.as_dict() for each in found], "strays": strays}

    def _drop(self, name: str, *, by: User | None, sure: bool) -> dict[str, Any]:
        if by is None:
            self.fail("no_person", "Say who does this: --as USER.", exit_code=2)
        if not sure:
            self.fail("not_sure", "What is dropped is gone for good. Say --yes as well.", exit_code=2)
        dropped = partitions.drop(name=name, by=by)
        self.say(f"Dropped {dropped.name} with about {dropped.rows:,} hits.")
        return dropped.as_dict()


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "–"
