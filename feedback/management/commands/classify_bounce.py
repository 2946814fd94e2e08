"""Say what mails that came back mean, without storing anything."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError

from campaign.lib.helped import HelpedCommand
from feedback.reports import BadRules, Report, read
from feedback.reports.boxes import mails
from feedback.reports.rules import in_force

# As in sysexits.h.
NO_INPUT = 66
BAD_CONFIGURATION = 78
STDIN = "-"
MAILS = (".eml", ".mbox")


class Command(HelpedCommand):
    help = (
        "Print a JSON line for each recipient that a mail speaks of: file, kind, reason, status, recipient, "
        "rule. Of a file with several mails (mbox) each is read; `file` has its number behind its name, as in "
        "box#2. Needs no database and changes nothing."
    )
    example = "manage.py classify_bounce returned.eml\nmanage.py classify_bounce - < returned.eml"
    exit_codes = "0 all read, 66 a file could not be read, 78 the rules make no sense"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        text = f"a file with a mail or several; a folder, of which all {' and '.join(MAILS)} files are read, or every "
        text += f"file if it has none; or {STDIN}"
        parser.add_argument("files", nargs="+", metavar="FILE", help=text)

    def handle(self, *args: Any, files: list[str], **options: Any) -> None:
        """Print what each mail says. Raises CommandError where a file or the rules can't be read."""
        try:
            in_force()
        except BadRules as error:
            raise CommandError(str(error), returncode=BAD_CONFIGURATION) from None
        unread = 0
        try:
            for name in _names(files):
                unread += not self._print(name)
            self.stdout.flush()
        except BrokenPipeError:  # whoever reads has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        if unread:
            raise CommandError(f"{unread} could not be read.", returncode=NO_INPUT)

    def _print(self, name: str) -> bool:
        try:
            for place, raw in _mails(name):
                for line in _lines(place, read(raw)):
                    self.stdout.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            self.stderr.write(f"{name}: {error.strerror}")
            return False
        return True


def _names(given: list[str]) -> Iterator[str]:
    for name in given:
        if name == STDIN or not os.path.isdir(name):  # a path would raise for a name that is too long
            yield name
        else:
            yield from map(str, _in_folder(Path(name)))


def _in_folder(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
    return [path for path in found if path.suffix.lower() in MAILS] or found


def _mails(name: str) -> Iterator[tuple[str, bytes]]:
    if name == STDIN:
        yield from _numbered(name, sys.stdin.buffer)
        return
    with open(name, "rb") as file:
        yield from _numbered(name, file)


def _numbered(name: str, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Each mail of a file; where it has several, their numbers stand behind its name."""
    found = mails(file)
    first = next(found)
    second = next(found, None)
    if second is None:
        yield name, first
        return
    for number, raw in enumerate(chain([first, second], found), start=1):
        yield f"{name}#{number}", raw


def _lines(name: str, report: Report) -> Iterator[str]:
    for one in report.recipients:
        yield json.dumps(
            {
                "file": name,
                "kind": one.kind,
                "reason": one.reason,
                "status": one.status,
                "recipient": one.recipient,
                "rule": one.rule,
            }
        )
