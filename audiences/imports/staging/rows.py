"""Batches of rows of a file, as the text that COPY takes into the staging table."""

import re
from typing import Any

from django.utils.translation import gettext_noop as n_

from audiences import addresses
from audiences.fields.fields import DATE, longest
from audiences.imports.columns import words
from audiences.imports.columns.cells import NULL, Converter, Report, json_pairs
from audiences.imports.columns.headers import Column, Mapping
from audiences.imports.reading.files import Batch
from audiences.imports.staging.outcomes import Lines, Outcome
from audiences.imports.staging.wish_rows import WishRows

NO_ADDRESS = n_("There is no address.")
MALFORMED = n_("“%(value)s” is no email address.")
TAKEN_OUT = n_("“%(value)s” was taken as %(address)s.")
NOTHING_KNOWN = n_("Nothing in this row tells who it is; it is left out.")
LONG_ID = n_("The external id is longer than %(most)d characters; the row is left out.")
ROUNDED_ID = n_(
    "A spreadsheet has rounded the external id to “%(value)s”, so nobody knows whose it is. Mark the column as text "
    "there, export the file anew, and import that."
)
TOTALS = n_("“%(value)s” begins a line of totals, not a person; it is left out.")

# What a row without external id and without good address is known by.
KNOWN_BY = ("email", "first_name", "last_name", "phone")

_ROUNDED = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d{1,3}", re.IGNORECASE).fullmatch
_TOTALS = re.compile(
    r"((grand|sub)_?)?totals?(_\w+)?|sub_?totais|totais|sum|soma|summe|gesamt|average|media|mean|count|contagem|quantidade"
).fullmatch


class Rows:
    """Turns batches into text; counts what it cleaned and left out."""

    def __init__(
        self, mapping: Mapping, report: Report, *, delimiter: str = ",", lines: Lines | None = None
    ) -> None:
        self.mapping, self.report, self.lines = mapping, report, lines
        self.converter = Converter(report=self._cleaned, delimiter=delimiter)
        self.wishes = WishRows(mapping.wishes, report)
        self.id = next((column for column in mapping.own if column.name == "external_id"), None)
        self.cleaned = self.skipped = 0

    def as_text(self, batch: Batch) -> str:
        """A line for each row: its line, key, state and key of the address, columns, wishes, attributes."""
        batch = self._without_bad_ids(_without_empty(batch))
        if not batch:
            return ""
        lines = batch.lines
        cells = list(zip(*batch.rows, strict=True))
        own: dict[str, list[str]] = {}
        pairs: list[list[str]] = []
        for column in self.mapping.columns:
            converted = self.converter.cells(column, cells[column.position], lines)
            if column.is_attribute:
                pairs.append(json_pairs(column, converted))
            else:
                own[column.name] = converted
        states, address_keys = self._addresses(own.get("email"), batch)
        keys = self._keys(own, address_keys, batch)
        parts = [list(map(str, lines)), keys, states, address_keys]
        parts += [_database(column, own[column.name]) for column in self.mapping.own]
        parts += self.wishes.staged(cells, lines, keys)
        if pairs:
            parts.append(["{" + ", ".join(filter(None, some)) + "}" for some in zip(*pairs, strict=True)])
        kept = zip(*parts, strict=True)
        text = "\n".join(["\t".join(row) for row in kept if row[1]])
        # The backslash is COPY's own; tabs and line breaks within cells are gone by now.
        return text.replace("\\", "\\\\") + "\n" if text else ""

    def _cleaned(self, *args: Any) -> None:
        self.cleaned += 1
        if self.lines:
            self.lines.add(Outcome.CLEANED, args[0])
        self.report(*args)

    def _skip(self, line: int, field: str, reason: str, slots: dict[str, Any] | None = None) -> None:
        self.skipped += 1
        if self.lines:
            self.lines.add(Outcome.SKIPPED, line)
        self.report(line, field, reason, slots)

    def _without_bad_ids(self, batch: Batch) -> Batch:
        """A key that is cut or rounded could be somebody else's: such rows stay out, the rounded ones as broken."""
        if self.id is None:
            return batch
        position, most, bad = self.id.position, longest("external_id"), set()
        for line, row in zip(batch.lines, batch.rows, strict=True):
            cell = row[position]
            if len(cell) > most < len(cell.strip()):
                self._skip(line, self.id.header, LONG_ID, {"most": most})
                bad.add(line)
            elif "+" in cell and _ROUNDED(cell.strip()):
                self.report(line, self.id.header, ROUNDED_ID, {"value": cell.strip()}, fatal=True)
                bad.add(line)
        return batch.without(bad) if bad else batch

    def _addresses(self, cells: list[str] | None, batch: Batch) -> tuple[list[str], list[str]]:
        """The states and the keys of the addresses; `cells` holds them bare afterwards."""
        if cells is None:
            return ["missing"] * len(batch), [""] * len(batch)
        read = [addresses.read(cell) for cell in cells]
        for index, (_state, key) in enumerate(read):
            if key:
                continue
            cell, line = cells[index], batch.lines[index]
            bare = addresses.taken_out(cell)
            if bare:
                cells[index], read[index] = bare, addresses.read(bare)
                self._cleaned(line, "email", TAKEN_OUT, {"value": cell[:80], "address": bare})
            elif _total(batch.rows[index]):
                continue
            elif cell:
                self.report(line, "email", MALFORMED, {"value": cell[:80]})
            else:
                self.report(line, "email", NO_ADDRESS)
        return [state for state, _key in read], [key for _state, key in read]

    def _keys(self, own: dict[str, list[str]], address_keys: list[str], batch: Batch) -> list[str]:
        """What tells rows apart: i… an id, a… an address, n… what else is known; empty where nothing is."""
        none = [""] * len(batch)
        ids = own.get("external_id", none)
        keys = [
            f"i{id_}" if id_ else f"a{address}" if address else ""
            for id_, address in zip(ids, address_keys, strict=True)
        ]
        if not all(address_keys):
            known = [own.get(name, none) for name in KNOWN_BY]
            for index, address in enumerate(address_keys):
                if not address:
                    keys[index] = self._key_without_address(keys[index], known, index, batch)
        return keys

    def _key_without_address(self, key: str, known: list[list[str]], index: int, batch: Batch) -> str:
        if total := _total(batch.rows[index]):
            self._skip(batch.lines[index], "", TOTALS, {"value": total})
            return ""
        texts = [cells[index].lower() for cells in known]
        if not key and not any(texts):
            self._skip(batch.lines[index], "", NOTHING_KNOWN)
        return key or ("n" + "|".join(texts) if any(texts) else "")


def _total(row: list[str]) -> str:
    """The word that begins a line of totals; empty for other rows."""
    first = next((cell.strip() for cell in row if cell.strip()), "")
    return first if len(first) < 40 and _TOTALS(words.plain(first)) else ""


def _database(column: Column, cells: list[str]) -> list[str]:
    if column.kind == DATE:
        return [cell or NULL for cell in cells]
    return cells


def _without_empty(batch: Batch) -> Batch:
    """Rows of nothing but delimiters are no rows."""
    if all(map(any, batch.rows)):
        return batch
    return batch.without({line for line, row in zip(batch.lines, batch.rows, strict=True) if not any(row)})
