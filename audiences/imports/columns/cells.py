"""The cells of columns as the database takes them.

Cells are converted column by column, some thousands at once: that is what makes a million rows quick.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import available_timezones

from django.utils.translation import gettext_noop as n_

from audiences.fields.fields import DATE, NUMBER, YES_NO, longest
from audiences.imports.columns import words
from audiences.imports.columns.conventions import COMMA, ISO, PLAIN_NUMBER, POINT, WITH_DAY
from audiences.imports.columns.headers import Column
from campaign.lib.csv import APOSTROPHE, bare_cell

NULL = "\x01"  # what COPY reads as NULL: no cell holds it, control characters are cleaned away

CLEANED = n_("Control characters were replaced by a space.")
INVISIBLE = n_("Invisible characters were taken away.")
NOTHING_MEANT = n_(
    "“%(value)s” is what a database or a spreadsheet writes for nothing; the field stays empty."
)
TOO_LONG = n_("The value is longer than %(most)d characters and was cut.")
NO_ZONE = n_("There is no time zone “%(value)s”; the field stays empty.")
NO_LANGUAGE = n_("“%(value)s” is no code of a language; the field stays empty.")
NO_DATE = n_("“%(value)s” is no date; the field stays empty.")
NO_NUMBER = n_("“%(value)s” is no number; the field stays empty.")
NO_YES_NO = n_("“%(value)s” is neither yes nor no; the field stays empty.")

# Around a cell nobody sees these, and within an address or an id they make it another one.
INVISIBLES = "\u200b-\u200f\u2060\ufeff\u00ad\u202a-\u202e\u2066-\u2069\u180e"
_INVISIBLE = re.compile(f"[{INVISIBLES}]")
_AT_EDGES = re.compile(rf"^[\s{INVISIBLES}]+|[\s{INVISIBLES}]+$")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BLANKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_EMPTY_WORDS = (words.NULLS | words.FAILED | {"N/A", "n/a", "#N/A N/A"}) - {"", "Null", "nil", "NIL", "\\N"}
_KEYS = ("external_id", "email")

Report = Callable[..., None]
Read = Callable[[str], str | None]


class Converter:
    """Turns the cells of columns into what COPY takes; reports what it had to change or leave out."""

    def __init__(self, *, report: Report, delimiter: str = ",") -> None:
        self.report, self.delimiter = report, delimiter
        self.converters: dict[str, tuple[Read, str]] = {
            "time_zone": (_time_zone, NO_ZONE),
            "language": (language, NO_LANGUAGE),
        }

    def cells(self, column: Column, cells: Iterable[str], lines: list[int]) -> list[str]:
        """The cells trimmed, in NFC, without control characters, converted; empty where they make no sense."""
        trimmed = self.plain(column, cells, lines)
        convert = self._reader(column)
        if convert:
            return self._converted(trimmed, convert, column, lines)
        if not column.is_attribute:
            self._cut(trimmed, column, lines)
        return trimmed

    def plain(self, column: Column, cells: Iterable[str], lines: list[int]) -> list[str]:
        """The cells trimmed, in NFC, without control characters and without words for nothing."""
        trimmed = list(map(str.strip, cells))
        together = "".join(trimmed)
        if APOSTROPHE in together:
            trimmed = [bare_cell(cell, delimiter=self.delimiter).strip() for cell in trimmed]
        if not together.isascii():
            trimmed = self._composed(trimmed, column, lines)
            together = "".join(trimmed)
        if not together.isprintable() and _CONTROL.search(together):
            self._clean(trimmed, column, lines)
        if not _EMPTY_WORDS.isdisjoint(trimmed):
            self._empty(trimmed, column, lines)
        return trimmed

    def _composed(self, cells: list[str], column: Column, lines: list[int]) -> list[str]:
        """In NFC, as most files are; without what nobody sees at the edges, and in keys without it anywhere."""
        cells = [cell if cell.isascii() else unicodedata.normalize("NFC", cell) for cell in cells]
        inside = column.name in _KEYS and not column.is_attribute
        for index, cell in enumerate(cells):
            if cell.isascii() or not _INVISIBLE.search(cell):
                continue
            bare = _INVISIBLE.sub("", cell).strip() if inside else _AT_EDGES.sub("", cell)
            if bare != cell:
                cells[index] = bare
                self.report(lines[index], column.header, INVISIBLE)
        return cells

    def _clean(self, cells: list[str], column: Column, lines: list[int]) -> None:
        for index, cell in enumerate(cells):
            if _CONTROL.search(cell):
                cells[index] = _BLANKS.sub(_one_space, cell).strip()
                self.report(lines[index], column.header, CLEANED)

    def _empty(self, cells: list[str], column: Column, lines: list[int]) -> None:
        for index, cell in enumerate(cells):
            if cell in _EMPTY_WORDS:
                cells[index] = ""
                self.report(lines[index], column.header, NOTHING_MEANT, {"value": cell})

    def _cut(self, cells: list[str], column: Column, lines: list[int]) -> None:
        most = longest(column.name)
        if len(max(cells, key=len)) <= most:
            return
        for index, cell in enumerate(cells):
            if len(cell) > most:
                cells[index] = cell[:most]
                self.report(lines[index], column.header, TOO_LONG, {"most": most})

    def _reader(self, column: Column) -> tuple[Read, str] | None:
        if not column.is_attribute and column.name in self.converters:
            return self.converters[column.name]
        match column.kind:
            case kind if kind == DATE:
                return _dates(column.order), NO_DATE
            case kind if kind == NUMBER:
                return _numbers(column.decimal), NO_NUMBER
            case kind if kind == YES_NO:
                return _yes_no, NO_YES_NO
        return None

    def _converted(
        self, cells: list[str], convert: tuple[Read, str], column: Column, lines: list[int]
    ) -> list[str]:
        read, reason = convert
        found = [read(cell) if cell else "" for cell in cells]
        if None not in found:
            return found  # type: ignore[return-value]  # no None is left in it
        for index, value in enumerate(found):
            if value is None:
                found[index] = ""
                self.report(lines[index], column.header, reason, {"value": cells[index][:80]})
        return found  # type: ignore[return-value]  # no None is left in it


def _one_space(blanks: re.Match[str]) -> str:
    """Blanks with a control character among them are one space; others stay."""
    return " " if _CONTROL.search(blanks.group()) else blanks.group()


def json_pairs(column: Column, cells: list[str]) -> list[str]:
    """The cells of an attribute as `"name": value` of a JSON object; empty where there is no value."""
    name = json.dumps(column.name)
    if column.kind in (NUMBER, YES_NO):
        return [f"{name}: {cell}" if cell else "" for cell in cells]
    encode = json.encoder.encode_basestring
    return [f"{name}: {encode(cell)}" if cell else "" for cell in cells]


@cache
def _zones() -> dict[str, str]:
    return {zone.lower(): zone for zone in available_timezones()}


def _time_zone(cell: str) -> str | None:
    return _zones().get(cell.lower())


@lru_cache(10_000)
def _languages(cell: str) -> str | None:
    match = _LANGUAGE.fullmatch(cell)
    if not match:
        return None
    language_, script, region = match.groups()
    parts = (language_.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def language(cell: str) -> str | None:
    """The code of a language as it is stored, such as pt-BR; None where it is none."""
    return _languages(cell) if len(cell) <= 16 else None


@cache
def _dates(order: str) -> Read:
    """A reader of dates with `day` or `month` first; without an order it takes those that can be read in one way."""
    return lru_cache(100_000)(lambda cell: _date(cell, order))


def _date(cell: str, order: str) -> str | None:
    try:
        if iso := ISO.fullmatch(cell):
            return date(int(iso[1]), int(iso[2]), int(iso[3])).isoformat()
        if other := WITH_DAY.fullmatch(cell):
            first, second, year = int(other[1]), int(other[3]), int(other[4])
            if not order and first <= 12 and second <= 12 and first != second and other[2] != ".":
                return None
            month_first = order == "month" if order else second > 12
            day, month = (second, first) if month_first else (first, second)
            return date(year, month, day).isoformat()
    except ValueError:
        pass
    return None


@cache
def _numbers(decimal: str) -> Read:
    """A reader of numbers with this decimal sign; without one it takes those that can be read in one way."""
    return lambda cell: _number(cell, decimal)


def _number(cell: str, decimal: str) -> str | None:
    if decimal != "," and PLAIN_NUMBER(cell):
        return cell
    as_point, as_comma = POINT(cell), COMMA(cell)
    sign = decimal if decimal and (as_comma if decimal == "," else as_point) else ""
    if not sign and not (as_point and as_comma):
        # The other convention, and no doubt of it: a cell of its own kind.
        sign = "." if as_point else "," if as_comma else ""
    if not sign and as_point and as_comma and not decimal:
        sign = "." if "." in cell else ","
    if not sign:
        return None
    bare = cell.replace("," if sign == "." else ".", "").replace(",", ".")
    number = Decimal(bare)
    return f"{number:f}" if abs(number) < 10**15 else None


def _yes_no(cell: str) -> str | None:
    said = words.yes_or_no(cell)
    return None if said is None else "true" if said else "false"
