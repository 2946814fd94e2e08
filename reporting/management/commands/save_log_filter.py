"""Keep filters of a log by a name, for every delivery."""

from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from campaign.lib import clock
from reporting.logs import logs, saved_filters
from reporting.logs.command import LogCommand


class Command(LogCommand):
    help = "Keep filters of a log by a name, for every delivery."
    example = "manage.py save_log_filter sending bounced --only status=bounced --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", choices=list(logs.LOGS), help=f"one of {', '.join(logs.LOGS)}")
        parser.add_argument("name", metavar="NAME", help="by which it is found again")
        self.add_filter_options(parser)

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        log = logs.LOGS[options["log"]]
        saved = saved_filters.save(
            log=log, name=options["name"], chosen=self.chosen(log, options, by=by), by=by, at=clock.now()
        )
        self.say(f"{saved.log}: “{saved}”: {saved.query}")
        return {"log": saved.log, "name": saved.name, "filters": saved.chosen}
