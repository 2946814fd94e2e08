"""List the filters of logs that a person keeps by name."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib.helped import row_count
from reporting.logs.logs import LOGS
from reporting.models import LogFilter


class Command(PersonCommand):
    help = "List the filters of logs that the person keeps by name, with what each chooses."
    example = "manage.py list_log_filters --log sending --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--log", choices=list(LOGS), help="only those of this log")
        parser.add_argument("--limit", type=row_count, default=100, help="at most so many (default: 100)")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        kept = LogFilter.objects.filter(user=by)
        if options["log"]:
            kept = kept.filter(log=options["log"])
        rows = list(kept[: options["limit"]])
        for row in rows:
            self.say(f"{row.log}: “{row.name}”: {row.query}")
        if not rows:
            self.say("None is kept.")
        return {"filters": [{"log": row.log, "name": row.name, "filters": row.chosen} for row in rows]}
