"""Write a log of a delivery into a file, in the person's style; on a terminal its progress is shown."""

import sys
from argparse import ArgumentParser
from typing import Any

from accounts.models import User
from reporting.exports import exports
from reporting.exports.export_progress import Standing
from reporting.logs import logs
from reporting.logs.command import LogCommand


class Command(LogCommand):
    help = (
        "Write all rows of a log into a file, as the person's exports are written. Takes the right to export. "
        "The file is there once it is whole."
    )
    example = "manage.py export_log DM95 sending --to sent.csv --only status=bounced --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("delivery", metavar="DELIVERY", help="its ID: DM95, or 95")
        parser.add_argument("log", choices=list(logs.LOGS), help=f"one of {', '.join(logs.LOGS)}")
        parser.add_argument("--to", required=True, metavar="FILE", help="the file; one that is there is kept")
        self.add_filter_options(parser)

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        delivery, log = self.find(options["delivery"], by=by), logs.LOGS[options["log"]]
        file = self.new_file(options["to"])
        chosen = self.chosen(log, options, by=by)
        of, written = exports.expected(delivery, log, chosen), [0]

        def progress(rows: int) -> None:
            written[0] = rows
            self._show(Standing(rows, of))

        lines = exports.export(delivery=delivery, log=log, chosen=chosen, by=by, progress=progress)
        self.write_file(lines, file)
        self._show(None)
        self.say(f"{file}: {Standing(written[0], is_over=True).in_words}")
        return {"delivery": delivery.name, "log": log.code, "file": str(file), "rows": written[0]}

    def _show(self, standing: Standing | None) -> None:
        if self.as_json or not sys.stderr.isatty():
            return
        self.stderr.write(f"\r\033[K{standing.in_words if standing else ''}", ending="")
        self.stderr.flush()
