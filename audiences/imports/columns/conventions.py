"""How the numbers and dates of a column are written, and what kind it is: decided by the whole column, never by a cell.

What stays open after the whole column was read is asked, not guessed: 2.500 can be two thousand five hundred or two and
a half, 03/04/2026 a day in March or in April.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from audiences.fields.fields import DATE, NUMBER, TEXT, YES_NO
from audiences.imports.columns import words
from audiences.imports.columns.headers import Column

ISO = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[T ]00:00.*)?")
WITH_DAY = re.compile(r"(\d\d?)([./-])(\d\d?)\2(\d{4})(?:[T ]0?0:00(?::00(?:\.0+)?)?)?")
PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?").fullmatch
POINT = re.compile(r"[+-]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,10})?").fullmatch
COMMA = re.compile(r"[+-]?(?:\d{1,15}|\d{1,3}(?:\.\d{3}){1,4})(?:,\d{1,10})?").fullmatch

_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}").fullmatch
_LEADING_ZERO = re.compile(r"[+-]?0\d").match
_DIGITS = re.compile(r"\d").search

MOST_STATUSES = 40  # different cells of a column that may say how people stand with a list


@dataclass(slots=True)
class Numbers:
    """What the cells of a column tell of their decimal sign. `open`: a cell that can be read both ways."""

    comma: bool = False
    point: bool = False
    open: str = ""

    def look(self, cell: str) -> bool:
        """Take note of a cell; False if it is no number."""
        as_comma, as_point = COMMA(cell), POINT(cell)
        if not (as_comma or as_point):
            return False
        if as_comma and as_point:
            if _EITHER(cell):
                self.open = self.open or cell
            elif "." in cell or "," in cell:
                # 0.500 and 1234.500: no thousand is written like that, so the sign is the decimal one.
                self.comma, self.point = self.comma or "," in cell, self.point or "." in cell
        elif as_comma:
            self.comma = True
        else:
            self.point = True
        return True

    @property
    def decimal(self) -> str:
        """The decimal sign; empty where the column doesn't tell, or tells both."""
        return "" if self.comma == self.point else "," if self.comma else "."


@dataclass(slots=True)
class Dates:
    """What the cells of a column tell of the order of day and month. `open`: a cell that can be read both ways."""

    day_first: bool = False
    month_first: bool = False
    open: str = ""

    def look(self, cell: str) -> bool:
        """Take note of a cell; False if it is no date."""
        if ISO.fullmatch(cell):
            return True
        found = WITH_DAY.fullmatch(cell)
        if not found:
            return False
        first, second = int(found[1]), int(found[3])
        if first > 12 or found[2] == ".":
            self.day_first = True
        elif second > 12:
            self.month_first = True
        elif first != second:
            self.open = self.open or cell
        return True

    @property
    def order(self) -> str:
        """`day` or `month`, whichever comes first; empty where the column doesn't tell, or tells both."""
        return "" if self.day_first == self.month_first else "day" if self.day_first else "month"


@dataclass(slots=True)
class Evidence:
    """What all cells of a column tell together.

    `is_declared`: its kind is known already, so only how it is written is asked. `is_new`: a kind is looked for.
    """

    is_declared: bool = False
    is_new: bool = True

    numbers: Numbers = field(default_factory=Numbers)
    dates: Dates = field(default_factory=Dates)
    kinds: set[str] = field(default_factory=lambda: {NUMBER, DATE, YES_NO})
    blank: bool = False
    filled: bool = False
    # The different cells, as long as they are few: what a status column can be told by. None where they are many.
    cells: set[str] | None = field(default_factory=set)

    def look(self, cells: Iterable[str]) -> None:
        """Take note of more cells, each of them once."""
        for raw in cells:
            cell = raw.strip()
            if cell in words.NULLS or cell in words.FAILED:
                self.blank = True
                continue
            self.filled = True
            if self.cells is not None:
                self._few(cell)
            if self.is_declared:
                self.numbers.look(cell)
                self.dates.look(cell)
            elif self.is_new and self.kinds:
                self._kinds(cell)

    def _few(self, cell: str) -> None:
        assert self.cells is not None
        self.cells.add(cell[:100])
        if len(self.cells) > MOST_STATUSES:
            self.cells = None

    def _kinds(self, cell: str) -> None:
        if not self.dates.look(cell):
            self.kinds.discard(DATE)
        if not self.numbers.look(cell) or not _can_be_kept(cell):
            self.kinds.discard(NUMBER)
        if YES_NO in self.kinds and words.yes_or_no(cell) is None:
            self.kinds.discard(YES_NO)

    @property
    def kind(self) -> str:
        """The kind of attribute that fits all cells without loss."""
        return (
            next((kind for kind in (NUMBER, DATE, YES_NO) if kind in self.kinds), TEXT)
            if self.filled
            else TEXT
        )

    def is_status(self, *, named_so: bool) -> bool:
        """Whether the column says how people stand with a list: somebody left, and what else stands there fits.

        `named_so`: its header says status; then one that left is enough, whatever the others say.
        """
        if not self.cells:
            return False
        found = {words.meaning(cell) for cell in self.cells}
        if not found & {words.LEFT, words.BOUNCED, words.COMPLAINED}:
            return False
        return named_so or words.UNKNOWN not in found

    @property
    def blank_is_doubt(self) -> bool:
        """Whether others of a status column are said to be there, so that a blank leaves something open."""
        return any(words.meaning(cell) == words.WANTS for cell in self.cells or ())


def _can_be_kept(cell: str) -> bool:
    """Whether a number comes back as it was written: codes with leading zeros and very long ones do not."""
    digits = cell.lstrip("+-")
    return not (
        _LEADING_ZERO(cell) or cell.startswith("+") or len(digits.replace(".", "").replace(",", "")) > 15
    )


def settle(column: Column, evidence: Evidence, *, decimal: str, order: str) -> str:
    """The column knows how its cells are written; returns a cell that can be read in two ways where that must be asked.

    `decimal` and `order` are what the person chose for columns that don't tell; what they chose for this one holds.
    """
    if column.kind == NUMBER:
        column.decimal = (
            (column.chosen if column.chosen in (",", ".") else "") or evidence.numbers.decimal or decimal
        )
        return evidence.numbers.open if not column.decimal else ""
    if column.kind == DATE:
        column.order = (
            (column.chosen if column.chosen in ("day", "month") else "") or evidence.dates.order or order
        )
        return evidence.dates.open if not column.order else ""
    return ""
