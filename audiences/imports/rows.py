"""Batches of rows of a file, as the text that COPY takes into the staging table."""

from typing import Any

from django.utils.translation import gettext_noop as n_

from audiences import addresses
from audiences.fields import DATE, longest
from audiences.imports.columns import NULL, Column, Converter, Mapping, Report, json_pairs
from audiences.imports.files import Batch

NO_ADDRESS = n_("There is no address.")
MALFORMED = n_("“%(value)s” is no email address.")
NOTHING_KNOWN = n_("Nothing in this row tells who it is; it is left out.")
LONG_ID = n_("The external id is longer than %(most)d characters; the row is left out.")

# What a row without external id and without good address is known by.
KNOWN_BY = ("email", "first_name", "last_name", "phone")


class Rows:
    """Turns batches into text; counts what it cleaned and left out."""

    def __init__(self, mapping: Mapping, report: Report) -> None:
        self.mapping, self.report = mapping, report
        self.converter = Converter(month_first=mapping.month_first, report=self._cleaned)
        self.cleaned = self.skipped = 0

    def as_text(self, batch: Batch) -> str:
        """A line for each row: its line, key, state and key of the address, columns, attributes."""
        batch = self._without_long_ids(_without_empty(batch))
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
        states, address_keys = self._addresses(own.get("email"), lines)
        keys = self._keys(own, address_keys, lines)
        parts = [list(map(str, lines)), keys, states, address_keys]
        parts += [_database(column, own[column.name]) for column in self.mapping.own]
        if pairs:
            parts.append(["{" + ", ".join(filter(None, some)) + "}" for some in zip(*pairs, strict=True)])
        kept = zip(*parts, strict=True)
        text = "\n".join(["\t".join(row) for row in kept if row[1]])
        # The backslash is COPY's own; tabs and line breaks within cells are gone by now.
        return text.replace("\\", "\\\\") + "\n" if text else ""

    def _cleaned(self, *args: Any) -> None:
        self.cleaned += 1
        self.report(*args)

    def _skip(self, line: int, field: str, reason: str, slots: dict[str, Any] | None = None) -> None:
        self.skipped += 1
        self.report(line, field, reason, slots)

    def _without_long_ids(self, batch: Batch) -> Batch:
        """A key that is cut could be somebody else's, so such rows stay out."""
        column = next((column for column in self.mapping.own if column.name == "external_id"), None)
        if column is None:
            return batch
        position, most = column.position, longest("external_id")
        long = [
            line
            for line, row in zip(batch.lines, batch.rows, strict=True)
            if len(row[position]) > most < len(row[position].strip())
        ]
        for line in long:
            self._skip(line, column.header, LONG_ID, {"most": most})
        return batch.without(set(long)) if long else batch

    def _addresses(self, cells: list[str] | None, lines: list[int]) -> tuple[list[str], list[str]]:
        if cells is None:
            return ["missing"] * len(lines), [""] * len(lines)
        read = [addresses.read(cell) for cell in cells]
        keys = [key for _state, key in read]
        if "" in keys:
            for line, cell, key in zip(lines, cells, keys, strict=True):
                if not key and cell:
                    self.report(line, "email", MALFORMED, {"value": cell[:80]})
                elif not key:
                    self.report(line, "email", NO_ADDRESS)
        return [state for state, _key in read], keys

    def _keys(self, own: dict[str, list[str]], address_keys: list[str], lines: list[int]) -> list[str]:
        """What tells rows apart: i… an id, a… an address, n… what else is known; empty where nothing is."""
        none = [""] * len(lines)
        ids = own.get("external_id", none)
        keys = [
            f"i{id_}" if id_ else f"a{address}" if address else ""
            for id_, address in zip(ids, address_keys, strict=True)
        ]
        if "" in keys:
            known = [own.get(name, none) for name in KNOWN_BY]
            for index, key in enumerate(keys):
                words = [cells[index].lower() for cells in known]
                if not key and any(words):
                    keys[index] = "n" + "|".join(words)
                elif not key:
                    self._skip(lines[index], "", NOTHING_KNOWN)
        return keys


def _database(column: Column, cells: list[str]) -> list[str]:
    if column.kind == DATE or column.is_flag:
        return [cell or NULL for cell in cells]
    return cells


def _without_empty(batch: Batch) -> Batch:
    """Rows of nothing but delimiters are no rows."""
    if all(map(any, batch.rows)):
        return batch
    return batch.without({line for line, row in zip(batch.lines, batch.rows, strict=True) if not any(row)})
