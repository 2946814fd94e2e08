"""What commands about the logs of deliveries have in common: a log, and filters as its page knows them."""

from argparse import ArgumentParser
from typing import Any

from django.http import QueryDict

from accounts.models import User
from deliveries.commands.base import USAGE, DeliveriesCommand
from reporting.logs import logs, saved_filters
from reporting.logs.logs import Log


class LogCommand(DeliveriesCommand):
    """A command about the rows of a log. A subclass writes `act`."""

    def add_filter_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--only", action="append", default=[], metavar="NAME=VALUE", help=f"a filter: {in_words()}"
        )
        parser.add_argument(
            "--filter", default="", metavar="NAME", help="one that you keep by this name, too"
        )

    def chosen(self, log: Log, options: dict[str, Any], *, by: User | None) -> dict[str, str]:
        """The filters as the page knows them; one that it does not know is no usage of the command."""
        asked = dict(text.partition("=")[::2] for text in options["only"])
        if options["filter"]:
            if by is None:
                self.fail("no_person", "Say whose filter it is: --as USER.", exit_code=USAGE)
            asked = saved_filters.named(by, log, options["filter"]).chosen | asked
        chosen = logs.chosen(log, query(asked))
        for name, value in asked.items():
            if chosen.get(name) != value.strip():
                self.fail(
                    "no_such_filter",
                    f"This log has no filter {name}={value}: {in_words(log)}",
                    exit_code=USAGE,
                )
        return chosen


def query(values: dict[str, str]) -> QueryDict:
    """These values as they stand in an address."""
    made = QueryDict(mutable=True)
    made.update(values)
    return made


def in_words(*of: Log) -> str:
    """What may be asked of these logs, or of all."""
    found = {
        choice.name: ", ".join(str(code) for code, _label in choice.options)
        for log in of or logs.LOGS.values()
        for choice in log.filters
    }
    return "; ".join([f"{name} ({values})" for name, values in found.items()] + ["q (a part of the address)"])
