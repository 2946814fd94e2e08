"""Bring profiles in from a file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from time import monotonic
from typing import Any

from django.db import transaction

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from audiences import imports
from audiences.imports.columns import mappings
from audiences.imports.reading.source import ENCODINGS
from audiences.imports.staging import looking
from audiences.imports.staging.outcomes import BEHIND, lines_behind
from audiences.models import Import

BAR = 30
LINES_SHOWN = 50
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
WRITTEN = {"comma": ",", "point": ".", "day": "day", "month": "month"}


class Command(PersonCommand):
    help = "Import profiles from a CSV file."
    example = (
        "manage.py import_profiles customers.csv --unit Brasil --dry-run --as ines\n"
        'manage.py import_profiles customers.csv --unit Brasil --audience "Fair 2026" --as ines\n'
        "manage.py import_profiles never.csv --suppression-list --as ines"
    )
    exit_codes = "0 imported, 1 refused, or a file that is broken; 2 wrong usage"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the CSV file")
        parser.add_argument("--unit", help="label or id of the unit of new profiles; yours if left away")
        parser.add_argument(
            "--keep-good-rows", action="store_true", help="import the good rows of a broken file"
        )
        parser.add_argument("--declare", action="store_true", help="declare unknown columns as attributes")
        parser.add_argument(
            "--audience", default="", metavar="LABEL", help="add the profiles to this fixed list"
        )
        parser.add_argument(
            "--decimal",
            choices=["comma", "point"],
            help="the decimal sign of columns that can be read in two ways",
        )
        parser.add_argument(
            "--dates", choices=["day", "month"], help="what comes first in dates that can be read in two ways"
        )
        parser.add_argument(
            "--shared-ids", action="store_true", help="one external id may stand beside several addresses"
        )
        parser.add_argument(
            "--suppression-list",
            action="store_true",
            help="the file names addresses, domains or hashes that are never written to",
        )
        self._add_choices(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would come of it, and write nothing"
        )
        parser.add_argument(
            "--rows",
            choices=list(BEHIND),
            metavar="NUMBER",
            help="with --dry-run: the rows behind this number",
        )
        parser.add_argument("--after", type=int, default=0, metavar="LINE", help="those behind this line")

    def _add_choices(self, parser: ArgumentParser) -> None:
        parser.add_argument("--delimiter", choices=list(DELIMITERS), help="found out if left away")
        parser.add_argument(
            "--encoding", choices=list(ENCODINGS), metavar="NAME", help="found out if left away"
        )
        parser.add_argument("--key", choices=["external_id", "email"], help="email: ids are left out")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="HEADER=FIELD",
            help="what a column is: a field, attribute.NAME, new or leave_out; #0 is the first column",
        )
        parser.add_argument(
            "--written",
            action="append",
            default=[],
            metavar="HEADER=HOW",
            help="how its numbers or dates are written: comma, point, day or month",
        )
        parser.add_argument(
            "--saved", action="store_true", help="as it was saved for files of this header (list_mappings)"
        )
        parser.add_argument(
            "--save", action="store_true", help="save what is chosen here for the next file of this header"
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        file: Path = options["file"]
        if not file.is_file():
            self.fail("no_file", f"There is no file {file}.", exit_code=2)
        unit = self._unit(options["unit"], by)
        self.began = monotonic()
        self.shown: dict[str, Any] = {}
        if options["dry_run"]:
            with transaction.atomic():
                importing = self._import(file, unit, by, options)
                self.shown = self._look(importing, by, options)
                transaction.set_rollback(True)
        else:
            importing = self._import(file, unit, by, options)
        return self._answer(importing, dry_run=options["dry_run"])

    def _import(self, file: Path, unit: OrganizationalUnit, by: User, options: dict[str, Any]) -> Import:
        importing = imports.register(
            name=file.name,
            unit=unit,
            by=by,
            options=self._chosen(options),
            dry_run=options["dry_run"],
        )
        importing.bytes_total = file.stat().st_size
        importing.save(update_fields=["bytes_total"])
        done = imports.run(import_id=importing.pk, open_file=lambda: file.open("rb"), progress=self._draw)
        self.problems = [
            {"line": problem.line, "field": problem.field, "reason": problem.text, "broken": problem.fatal}
            for problem in done.problems.all()
        ]
        if options["save"] and done.status == Import.Status.DONE:
            mappings.save(done, by=by)
        return done

    def _look(self, importing: Import, by: User, options: dict[str, Any]) -> dict[str, Any]:
        """What a dry run shows beside its numbers: the columns with samples, and the rows behind the numbers."""
        columns = importing.detected.get("table", [])
        samples = [*importing.samples, *([] for _column in columns)]
        shown: dict[str, Any] = {
            "columns": [
                {**column, "samples": cells} for column, cells in zip(columns, samples, strict=False)
            ],
            "rows": {name: lines_behind(importing, name, after=0, most=LINES_SHOWN) for name in BEHIND},
        }
        if options["rows"]:
            page = looking.rows(importing, options["rows"], user=by, after=options["after"])
            rows = [{"line": row.line, "values": row.values, "reasons": row.reasons} for row in page.rows]
            shown["shown"] = {"number": options["rows"], "rows": rows, "after": page.after}
        return shown

    def _pairs(self, given: list[str], values: dict[str, str] | None = None) -> dict[str, str]:
        found = {}
        for text in given:
            header, sign, value = text.rpartition("=")
            if not sign or (values is not None and value not in values):
                self.fail(
                    "no_such_choice", f"“{text}” can't be read: HEADER=VALUE is asked for.", exit_code=2
                )
            found[header] = values[value] if values else value
        return found

    def _chosen(self, options: dict[str, Any]) -> imports.Options:
        return imports.Options(
            keep_good_rows=options["keep_good_rows"],
            declare_attributes=options["declare"],
            list_label=options["audience"],
            decimal={"comma": ",", "point": "."}.get(options["decimal"], ""),
            dates=options["dates"] or "",
            shared_ids=options["shared_ids"],
            suppression=options["suppression_list"],
            delimiter=DELIMITERS.get(options["delimiter"] or "", ""),
            encoding=options["encoding"] or "",
            key=options["key"] or "",
            columns=self._pairs(options["column"]),
            written=self._pairs(options["written"], WRITTEN),
            saved=options["saved"],
        )

    def _unit(self, wanted: str | None, by: User) -> OrganizationalUnit:
        if not wanted and by.home_unit:
            return by.home_unit
        if wanted:
            return self.unit(wanted, by=by)
        units = list(OrganizationalUnit.objects.all()[:2])
        if len(units) != 1:
            self.fail("no_unit", "Say which unit the profiles belong to: --unit LABEL.", exit_code=2)
        return units[0]

    def _draw(self, importing: Import) -> None:
        if self.as_json or not sys.stderr.isatty():
            return
        filled = BAR * importing.percent // 100
        bar = "█" * filled + "░" * (BAR - filled)
        end = "\n" if importing.is_final else ""
        sys.stderr.write(f"\r{bar} {importing.percent:3} %  {importing.rows_read:,} rows {end}")
        sys.stderr.flush()

    def _answer(self, importing: Import, *, dry_run: bool) -> dict[str, Any]:
        seconds = round(monotonic() - self.began, 2)
        counts = {name: getattr(importing, name) for name in COUNTS}
        answer = {
            "import": None if dry_run else importing.pk,
            "status": importing.status,
            "dry_run": dry_run,
            "detected": importing.detected,
            **counts,
            **self.shown,
            "problems": self.problems,
            "seconds": seconds,
        }
        self._tell(importing, answer)
        if importing.status not in (Import.Status.DONE, Import.Status.CHECKED):
            if self.as_json:
                self._print_json({**answer, "error": importing.status, "message": importing.message})
                sys.exit(1)
            self.fail(importing.status, importing.message)
        return answer

    def _tell(self, importing: Import, answer: dict[str, Any]) -> None:
        detected = importing.detected
        if detected:
            bom = " with BOM" if detected["bom"] else ""
            self.say(
                f"{importing.file_name}: {detected['encoding']}{bom}, delimiter {detected['delimiter']!r}"
            )
            for header, name in detected["columns"]:
                self.say(f"  {header} → {name}")
            for column in self.shown.get("columns", []):
                self.say(f"    {column['header']}: {column['field']}  {', '.join(column['samples'])}")
            for header in [*detected["unknown"], *detected["ignored"]]:
                self.say(f"  {header}: not imported")
        for name in COUNTS:
            self.say(f"{looking.label_of(importing, name)!s:32} {answer[name]:>12,}")
        for row in self.shown.get("shown", {}).get("rows", []):
            self.say(f"line {row['line']}: {row['values']} {' '.join(row['reasons'])}".rstrip())
        for problem in self.problems[:20]:
            kind = "broken: " if problem["broken"] else ""
            self.say(
                f"line {problem['line']}: {kind}{problem['field']} {problem['reason']}".replace("  ", " ")
            )
        if importing.problems_found > 20:
            self.say(
                f"… {importing.problems_found - 20:,} more; all that are kept: --json, or the page of the import"
            )
        if answer["dry_run"]:
            self.say("Nothing was kept: this was a dry run.")
        self.say(f"{answer['seconds']} s")


COUNTS = (
    "rows_read",
    "created",
    "updated",
    "unchanged",
    "repeated",
    "bad_rows",
    "skipped",
    "flagged",
    "cleaned",
    "opted_out",
    "unclear",
    "held_addresses",
    "problems_found",
)
