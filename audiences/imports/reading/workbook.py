"""A sheet of a workbook (XLSX, XLSB, XLS, ODS) as CSV, read by python-calamine in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from django.utils.translation import gettext_noop as n_

from audiences.imports.columns import headers

MOST_OCTETS = 200 << 20
MOST_SECONDS_OF_WAITING = 300
CHILD = Path(__file__).with_name("workbook_child.py")

BROKEN = n_(
    "This workbook can't be read: it is damaged or protected. Open it in a spreadsheet, save it anew without a "
    "password, or as CSV UTF-8, and import that."
)
NO_WORKBOOK = n_(
    "This is no workbook of Excel or LibreOffice, though it begins like one. Save its table as CSV UTF-8, and import "
    "that."
)
TOO_LARGE = n_(
    "This workbook is too large to be read safely: save the sheet as CSV UTF-8, or divide it, and import that."
)
NO_SHEET = n_("The workbook has no sheet “%(sheet)s”. It has: %(sheets)s.")
EMPTY = n_("No sheet of the workbook has anything in it.")

_REASONS = {"no_workbook": NO_WORKBOOK, "too_large": TOO_LARGE, "too_wide": TOO_LARGE}


class NoSheet(Exception):
    """Why there is no sheet to read, as a sentence with its slots."""

    def __init__(self, reason: str, **slots: Any) -> None:
        super().__init__(reason)
        self.reason, self.slots = reason, slots


class Workbook:
    """A workbook on this machine's disk for as long as this object is there. Raises NoSheet."""

    def __init__(self, open_file: Callable[[], BinaryIO], *, sheet: str) -> None:
        self.folder = TemporaryDirectory(prefix="workbook-")
        # Without an extension, so that what it is counts, and not what somebody called it.
        self.path, self.csv = Path(self.folder.name, "book"), Path(self.folder.name, "sheet.csv")
        self._keep(open_file)
        found = self._child("")["sheets"]
        self.sheets = [each["name"] for each in found]
        if not found:
            raise NoSheet(EMPTY)
        if sheet and sheet not in self.sheets:
            raise NoSheet(NO_SHEET, sheet=sheet[:80], sheets=", ".join(self.sheets)[:200])
        self.sheet: str = sheet or _most_telling(found)
        self._child(self.sheet)

    def open(self) -> BinaryIO:
        """The sheet as CSV: UTF-8, with commas, each row on the line of its number."""
        return self.csv.open("rb")

    def _keep(self, open_file: Callable[[], BinaryIO]) -> None:
        size = 0
        with open_file() as source, self.path.open("wb") as target:
            while block := source.read(1 << 20):
                size += len(block)
                if size > MOST_OCTETS:
                    raise NoSheet(TOO_LARGE)
                target.write(block)

    def _child(self, sheet: str) -> dict[str, Any]:
        command = [sys.executable, "-I", str(CHILD), str(self.path), str(self.csv), sheet]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=MOST_SECONDS_OF_WAITING, check=False)
        except subprocess.TimeoutExpired:
            raise NoSheet(TOO_LARGE) from None
        if ended.returncode:
            raise NoSheet(TOO_LARGE)  # it took more than it may
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        if refused := answer.get("refused"):
            raise NoSheet(_REASONS.get(refused, BROKEN))
        return answer


def _most_telling(sheets: list[dict[str, Any]]) -> str:
    """The sheet, of those that are shown, with a row that names most fields; the first of several."""
    shown = [sheet for sheet in sheets if sheet["shown"]] or sheets
    name: str = max(shown, key=lambda sheet: max(map(headers.weigh, sheet["rows"])))["name"]
    return name
