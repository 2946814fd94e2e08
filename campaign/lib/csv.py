"""CSV that does no harm in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

# A cell that begins with one of these may be run as a formula by the program that opens the file.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BOM = "\ufeff"  # without it Excel takes UTF-8 for something else


class _Echo:
    """A file that hands back what is written, for rows that are streamed."""

    def write(self, text: str) -> str:
        return text


def safe_cell(value: Any) -> Any:
    """The value; a text that a spreadsheet might run gets a quotation mark before it. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.replace("\0", "")
        return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
    return value


def safe_rows(rows: Iterable[Iterable[Any]], *, delimiter: str = ",") -> Iterator[str]:
    """The rows as lines of CSV, with a byte order mark in front, for a `StreamingHttpResponse`."""
    writer = csv.writer(_Echo(), delimiter=delimiter)
    mark = BOM
    for row in rows:
        yield mark + writer.writerow([safe_cell(value) for value in row])
        mark = ""
