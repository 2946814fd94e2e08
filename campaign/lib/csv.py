"""CSV that a spreadsheet opens without running anything in it."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# What makes a spreadsheet take a cell for a formula, or begin one after white space.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def safe_cell(value: Any) -> Any:
    """The value as text that begins no formula; numbers and None as they are."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def safe_rows(rows: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
    """The rows with every cell safe."""
    for row in rows:
        yield [safe_cell(value) for value in row]


class _Echo:
    def write(self, text: str) -> str:
        return text


def stream(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file line by line, with the mark by which spreadsheets know UTF-8."""
    writer = csv.writer(_Echo())
    yield BOM + writer.writerow(list(safe_rows([header]))[0])
    for row in safe_rows(rows):
        yield writer.writerow(row)
