"""List the rows behind a number of a delivery: recipients, whom it leaves out, what came back."""

from argparse import ArgumentParser
from typing import Any

from django.http import Http404, QueryDict

from accounts.models import User
from deliveries.commands.base import USAGE, DeliveriesCommand
from reporting import exports, logs
from reporting.logs import Log

MOST = 10_000


class Command(DeliveriesCommand):
    help = "List the rows behind a number of a delivery, in the order of the page, before the send as well as after it."
    example = "manage.py list_log DM95 exclusions --only cause=quarantined --as ana"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument("log", choices=list(logs.LOGS), help=f"one of {', '.join(logs.LOGS)}")
        parser.add_argument(
            "--only", action="append", default=[], metavar="NAME=VALUE", help=f"a filter: {_filters()}"
        )
        parser.add_argument("--limit", type=int, default=100, help=f"at most so many (100; {MOST:,} at most)")
        parser.add_argument("--after", default="", metavar="KEY", help="go on behind this row")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery, log = self.find(options["delivery"], by=by), logs.LOGS[options["log"]]
        chosen = self._chosen(log, options["only"])
        limit = min(max(1, options["limit"]), MOST)
        try:
            page = logs.page(
                log, log.rows(delivery, chosen, by), _query({"after": options["after"]}), size=limit
            )
        except Http404:
            self.fail("no_such_row", f"“{options['after']}” names no row of this log.", exit_code=USAGE)
        shown = exports.columns(log.code)
        for row in page.rows:
            self.say("  ".join(str(cell) for column in shown if (cell := column.of(row)) not in ("", None)))
        if page.following is not None:
            self.say(f"More: --after {page.following}")
        rows = [{column.fields[0]: column.coded(row) for column in shown} for row in page.rows]
        return {"delivery": delivery.name, "log": log.code, "rows": rows, "after": page.following}

    def _chosen(self, log: Log, written: list[str]) -> dict[str, str]:
        """The filters as the page knows them; one that it does not know is no usage of the command."""
        asked = dict(text.partition("=")[::2] for text in written)
        chosen = logs.chosen(log, _query(asked))
        for name, value in asked.items():
            if chosen.get(name) != value.strip():
                self.fail(
                    "no_such_filter",
                    f"This log has no filter {name}={value}: {_filters(log)}",
                    exit_code=USAGE,
                )
        return chosen


def _query(values: dict[str, str]) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(values)
    return query


def _filters(*of: Log) -> str:
    """What may be asked of these logs, or of all."""
    found = {
        choice.name: ", ".join(str(code) for code, _label in choice.options)
        for log in of or logs.LOGS.values()
        for choice in log.filters
    }
    return "; ".join([f"{name} ({values})" for name, values in found.items()] + ["q (a part of the address)"])
