"""The file of an import as it is read: in the encoding and with the delimiter that were found, or chosen."""

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from django.utils.translation import gettext_noop as n_

from audiences.imports.columns import headers
from audiences.imports.reading import files, kinds
from audiences.imports.reading.files import Reader, Report, Written
from audiences.imports.reading.workbook import NoSheet, Workbook

# What a person can choose, as Python names them.
ENCODINGS = (
    "utf-8", "cp1252", "iso8859-15", "utf-16-le", "utf-16-be", "cp1250", "cp1251", "cp1253", "cp1254", "cp850",
    "mac-roman", "gb18030", "shift_jis", "euc-kr", "koi8-r",
)  # fmt: skip


MOST_COLUMNS = 10_000
MANY_COLUMNS = n_(
    "This line has %(found)s columns; %(most)s are the most. Leave out those that nobody needs."
)


class NoTable(Exception):
    """The file is none that can be read; `reason` and `slots` say what it is, and what to do, `line` where."""

    def __init__(self, reason: str, slots: dict[str, Any], *, line: int = 1) -> None:
        super().__init__(reason)
        self.reason, self.slots, self.line = reason, slots, line


class Source:
    """One file, opened anew for each reading; raises NoTable for one that has no rows."""

    def __init__(self, open_file: Callable[[], BinaryIO], *, sheet: str = "") -> None:
        self.open_file, self.delimiter = open_file, ""
        self.workbook: Workbook | None = None
        with open_file() as file:
            self.head = file.read(kinds.LOOKED_AT)
        if kinds.is_workbook(self.head):
            self._take_sheet(sheet)
        elif found := kinds.no_csv(self.head):
            raise NoTable(*found)
        self.written = self._written("")

    def _take_sheet(self, sheet: str) -> None:
        try:
            self.workbook = Workbook(self.open_file, sheet=sheet)
        except NoSheet as none:
            raise NoTable(none.reason, none.slots) from none
        self.open_file, self.delimiter, self.head = self.workbook.open, ",", b""

    def choose(self, choices: dict[str, Any]) -> None:
        """It is read as was chosen; a workbook says by itself how it is written."""
        if self.workbook is None:
            self.delimiter = choices.get("delimiter", "")
            if encoding := choices.get("encoding", ""):
                self.written = self._written(encoding)

    @property
    def sheets(self) -> dict[str, Any]:
        """The sheet that is read, and the others; nothing for a file that has none."""
        return {"sheet": self.workbook.sheet, "sheets": self.workbook.sheets} if self.workbook else {}

    def _written(self, chosen: str) -> Written:
        if self.workbook is not None:
            return Written("utf-8", False, False)
        if not chosen:
            with self.open_file() as file:
                return files.examine(file)
        for bom, encoding in files.BOMS:
            if self.head.startswith(bom) and codecs.lookup(encoding).name.startswith(
                codecs.lookup(chosen).name
            ):
                return Written(encoding, True, True)
        return Written(chosen, False, True)

    @contextmanager
    def reader(self, report: Report = lambda *_args, **_slots: None) -> Iterator[Reader]:
        """The rows after the names of the columns, which are in its `header`; raises NoTable for too many of them."""
        with self.open_file() as file:
            reader = Reader(file, self.written, report, delimiter=self.delimiter)
            found = len(reader.read_header(headers.weigh))
            if found > MOST_COLUMNS:
                slots = {"found": found, "most": MOST_COLUMNS}
                raise NoTable(MANY_COLUMNS, slots, line=reader.header_line)
            yield reader
