"""Keep the filters of a log that have this name no more."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from reporting.logs import logs, saved_filters
from reporting.logs.command import LogCommand


class Command(LogCommand):
    help = "Keep the filters of a log that have this name no more."
    example = "manage.py remove_log_filter sending bounced --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", choices=list(logs.LOGS), help=f"one of {', '.join(logs.LOGS)}")
        parser.add_argument("name", metavar="NAME", help="as list_log_filters has it")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        log = logs.LOGS[options["log"]]
        saved_filters.remove(log=log, name=options["name"], by=by)
        self.say(f"{log.code}: “{options['name']}” is removed.")
        return {"log": log.code, "removed": options["name"]}
