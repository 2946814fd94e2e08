"""Make a report: as text, as data, as a file."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import User
from campaign.lib import clock, reader_zone
from deliveries.commands.base import USAGE, DeliveriesCommand
from deliveries.folders import naming
from reporting.reports import kinds, written
from reporting.reports.frame import Kind, Reader
from reporting.reports.subjects import DAYS, About, Subject, of_deliveries, of_folder, of_unit


def add_subject_options(parser: ArgumentParser, *, more: Sequence[str] = ()) -> None:
    """The options that say of what a report is; `more` names what else may stand in place of a report's name."""
    others = f"; or {', '.join(more)}" if more else ""
    parser.add_argument("report", metavar="REPORT", help=f"one of {', '.join(kinds.KINDS)}{others}")
    number = "; or the number of a scheduled report" if more else ""
    parser.add_argument(
        "deliveries", nargs="*", metavar="DELIVERY", help=f"of which deliveries: DM95, or 95{number}"
    )
    parser.add_argument("--folder", metavar="FOLDER", help="of which folder: its number, label or path")
    parser.add_argument("--unit", metavar="UNIT", help="of which unit: its label or id")
    parser.add_argument(
        "--days", type=int, choices=list(DAYS), help="only of deliveries that began in the last so many days"
    )


def subject_in(
    command: DeliveriesCommand, kind: Kind, options: dict[str, Any], *, by: User | None
) -> Subject:
    """Of what the options say that it is. Raise a Refusal, or CommandError where they say nothing."""
    days = options["days"] or ""
    if kind.about == About.FOLDER:
        if not options["folder"]:
            command.fail("no_subject", "Say of which folder: --folder FOLDER.", exit_code=USAGE)
        return of_folder(naming.named(options["folder"], by=by).pk, user=by, days=days)
    if kind.about == About.UNIT:
        if not options["unit"]:
            command.fail("no_subject", "Say of which unit: --unit UNIT.", exit_code=USAGE)
        if by is None:
            return of_unit(options["unit"], user=None, days=days)
        return of_unit(command.unit(options["unit"], by=by).pk, user=by, days=days)
    if not options["deliveries"]:
        command.fail("no_subject", "Say of which delivery: DM95.", exit_code=USAGE)
    found = [command.find(text, by=by).pk for text in options["deliveries"]]
    return of_deliveries(kind.about, found, user=by)


class Command(DeliveriesCommand):
    help = "Make a report of deliveries, a folder or a unit; with --as what that person may see is in it."
    example = (
        "manage.py report comparison DM95 DM96 --as ana\n"
        "  manage.py report folder --folder Summer --csv --as ana > summer.csv\n"
        "  manage.py report unit --unit Brasil --days 30 --json --as ana"
    )
    requires_person = False

    def add_options(self, parser: ArgumentParser) -> None:
        add_subject_options(parser)
        parser.add_argument(
            "--csv", action="store_true", help="write a CSV file to the standard output; takes Export"
        )
        parser.add_argument("--zone", metavar="NAME", help="whose hours are meant: America/Sao_Paulo")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        kind = kinds.named(options["report"])
        subject = subject_in(self, kind, options, by=by)
        report = kind.made(subject, Reader(by, clock.now(), self._zone(subject, options["zone"])))
        if options["csv"]:
            if by is None:
                self.fail("no_person", "A file is for a person: say --as USER.", exit_code=USAGE)
            for line in written.export(report, by=by):
                self.stdout.write(line.decode("utf-8-sig"), ending="")
            return None
        for line in written.lines(report):
            self.say(line)
        return written.as_dict(report)

    def _zone(self, subject: Subject, name: str | None) -> ZoneInfo:
        if name is not None and reader_zone.named(name) is None:
            self.fail("no_such_zone", f"There is no time zone “{name}”.", exit_code=USAGE)
        own = subject.delivery.time_zone if subject.deliveries else "UTC"
        found = reader_zone.named(name) if name else reader_zone.known() or reader_zone.named(own)
        return found or ZoneInfo("UTC")
