"""CSV that does no harm in a spreadsheet, whichever separator the program that opens it takes."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

# What may be run as a formula at the beginning of a cell, in its full-width and small forms too.
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
# A text that begins with one of these is moved into another cell, or trimmed, before it is looked at.
MOVES = "\t\r\n\v\f"
BOM = "\ufeff"  # without it Excel takes UTF-8 for something else

_SEPARATORS = ",;\t"
_LINE_ENDS = "\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
# What programs pass over before they look for a formula: blanks, invisible characters, quotation marks.
_PASSED_OVER = ' "\x01-\x08\x0e-\x1b\x1f\x7f\xa0\xad\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff'


class _Echo:
    """A file that hands back what is written, for rows that are streamed."""

    def write(self, text: str) -> str:
        return text


APOSTROPHE = (
    "'"  # what stands before a formula so that it is none; so one that is a text's own is marked as well
)


def _cell_starts(delimiter: str) -> re.Pattern[str]:
    """Where a cell may begin with a formula: at the start, and where another program's separator stands.

    Excel separates by `;` where the comma is the decimal sign, and takes a quotation mark in the middle of
    what is then a cell for a letter: quoting alone keeps neither `;` nor a line break inside.
    """
    return re.compile(_start_of(delimiter) + _DANGER)


def _guards(delimiter: str) -> re.Pattern[str]:
    """Where a quotation mark stands that `safe_cell` has put before a formula, or before another such mark."""
    return re.compile(rf"{_start_of(delimiter)}{APOSTROPHE}{_DANGER}|^{APOSTROPHE}(?=[{MOVES}])")


def _start_of(delimiter: str) -> str:
    others = "".join(separator for separator in _SEPARATORS if separator != delimiter)
    return rf"(^|[{others}{_LINE_ENDS}])"


_DANGER = rf"(?=[{_PASSED_OVER}]*+[{re.escape(FORMULA)}{APOSTROPHE}])"
DELIMITERS = ",;\t|"
_STARTS = {delimiter: _cell_starts(delimiter) for delimiter in DELIMITERS}
_GUARDS = {delimiter: _guards(delimiter) for delimiter in DELIMITERS}


def start_in_sql(delimiter: str) -> str:
    """The same rule as a regular expression of PostgreSQL, which has no possessive quantifiers."""
    return _STARTS[delimiter].pattern.replace("*+", "*")


def safe_cell(value: Any, *, delimiter: str = ",") -> Any:
    """The value; in a text a quotation mark stands before whatever a spreadsheet might run. Numbers stay numbers."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "")
    guarded = _STARTS[delimiter].sub(r"\1'", text)
    return f"'{guarded}" if guarded[:1] in MOVES and guarded else guarded


def bare_cell(text: str, *, delimiter: str = ",") -> str:
    """The text that `safe_cell` made this one from: without its quotation marks before formulas."""
    if APOSTROPHE not in text:
        return text
    return _GUARDS[delimiter].sub(lambda found: found[1] or "", text)


def line(cells: Iterable[Any], *, delimiter: str = ",") -> str:
    """One line of CSV with its end, each cell as `safe_cell` has it."""
    written: str = csv.writer(_Echo(), delimiter=delimiter).writerow(
        [safe_cell(value, delimiter=delimiter) for value in cells]
    )
    return written


def safe_rows(rows: Iterable[Iterable[Any]], *, delimiter: str = ",") -> Iterator[str]:
    """The rows as lines of CSV, with a byte order mark in front, for a `StreamingHttpResponse`."""
    writer = csv.writer(_Echo(), delimiter=delimiter)
    mark = BOM
    for row in rows:
        yield mark + writer.writerow([safe_cell(value, delimiter=delimiter) for value in row])
        mark = ""
