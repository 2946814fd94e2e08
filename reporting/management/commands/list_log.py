"""List the rows behind a number of a delivery: recipients, whom it leaves out, what came back."""

from argparse import ArgumentParser
from typing import Any

from django.http import Http404

from accounts.models import User
from campaign.lib.helped import row_count
from deliveries.commands.base import USAGE
from reporting.exports import file_columns
from reporting.logs import logs
from reporting.logs.command import LogCommand, query

MOST = 10_000


class Command(LogCommand):
    help = "List the rows behind a number of a delivery, in the order of the page, before the send as well as after it."
    example = "manage.py list_log DM95 exclusions --only cause=quarantined --as ana"
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument("log", choices=list(logs.LOGS), help=f"one of {', '.join(logs.LOGS)}")
        self.add_filter_options(parser)
        parser.add_argument(
            "--limit", type=row_count, default=100, help=f"at most so many (100; {MOST:,} at most)"
        )
        parser.add_argument("--after", default="", metavar="KEY", help="go on behind this row")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        delivery, log = self.find(options["delivery"], by=by), logs.LOGS[options["log"]]
        chosen = self.chosen(log, options, by=by)
        limit = min(max(1, options["limit"]), MOST)
        try:
            page = logs.page(
                log, log.rows(delivery, chosen, by), query({"after": options["after"]}), size=limit
            )
        except Http404:
            self.fail("no_such_row", f"“{options['after']}” names no row of this log.", exit_code=USAGE)
        shown = file_columns.BY_LOG[log.code]
        for row in page.rows:
            self.say("  ".join(str(cell) for column in shown if (cell := column.of(row)) not in ("", None)))
        if page.following is not None:
            self.say(f"More: --after {page.following}")
        rows = [{column.fields[0]: column.coded(row) for column in shown} for row in page.rows]
        return {"delivery": delivery.name, "log": log.code, "rows": rows, "after": page.following}
