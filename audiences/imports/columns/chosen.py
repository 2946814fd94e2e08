"""What a person chose for the columns of a file, put in the place of what was found out."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext_noop as n_

from audiences.fields import fields
from audiences.fields.fields import DATE, TEXT
from audiences.imports.columns import headers, words
from audiences.imports.columns.consent_headers import wish_of
from audiences.imports.columns.headers import Column, Mapping
from audiences.imports.columns.wishes import OF_NAME, Wish
from audiences.imports.report import Problems

NEW = "new"
LEAVE_OUT = "leave_out"
ATTRIBUTE = "attribute."
OWN = tuple(field.name for field in fields.COLUMNS if field.name in headers.NAMED)
CONSENT = tuple(OF_NAME)

NO_COLUMN = n_("There is no column “%(column)s” in this file.")
NO_FIELD = n_("“%(field)s” is nothing that a column can be.")
TWICE = n_("Two columns are to be “%(field)s”; choose one of them.")
CONSENT_LEFT_OUT = n_("This column is about consent, and is left out because somebody chose so.")


def place(position: int) -> str:
    """How a column is named in what was chosen; headers may stand there twice."""
    return f"#{position}"


def positions(header: list[str], chosen: dict[str, str]) -> tuple[dict[int, str], list[str]]:
    """What was chosen by the column's position, and the names that no column of the header has."""
    at = {place(position): position for position in range(len(header))}
    by_name = {name: position for position, name in reversed(list(enumerate(header)))}
    found, missing = {}, []
    for name, value in chosen.items():
        position = at.get(name, by_name.get(name))
        if position is None:
            missing.append(name)
        else:
            found[position] = value
    return found, missing


class Chosen:
    """The choices of one import for the columns of one file."""

    def __init__(self, choices: dict[str, Any], header: list[str], problems: Problems, line: int) -> None:
        self.header, self.problems, self.line = header, problems, line
        self.columns, missing = positions(header, choices.get("columns", {}))
        self.written, missing_too = positions(header, choices.get("written", {}))
        self.without_ids = choices.get("key") == "email"
        self.is_good = True
        for name in [*missing, *missing_too]:
            self._refuse(NO_COLUMN, {"column": name[:80]})

    def _refuse(self, reason: str, slots: dict[str, Any]) -> None:
        self.is_good = False
        self.problems.add(self.line, "", reason, slots)

    def apply(self, mapping: Mapping, attributes: dict[str, str], *, declares: bool) -> None:
        """The mapping is as it was chosen; `is_good` tells whether that can be."""
        if self.without_ids:
            for column in [column for column in mapping.own if column.name == "external_id"]:
                self.columns.setdefault(column.position, LEAVE_OUT)
        for column in mapping.unknown:
            column.is_new = declares
        self._take_away(mapping)
        for position, field in sorted(self.columns.items()):
            self._put(mapping, position, field, attributes)
        for column in [*mapping.columns, *mapping.unknown]:
            column.chosen = self.written.get(column.position, "")

    def _take_away(self, mapping: Mapping) -> None:
        """Chosen columns are none of what was found, and a field that was chosen is no other column's."""
        fields_ = {field for field in self.columns.values() if field not in (NEW, LEAVE_OUT)}
        given_up = [
            column
            for column in mapping.columns
            if column.position not in self.columns and field_of(column) in fields_
        ]
        mapping.ignored += [column.header for column in given_up]
        gone = self.columns.keys() | {column.position for column in given_up}
        for group in (mapping.columns, mapping.unknown, mapping.perhaps):
            group[:] = [column for column in group if column.position not in gone]
        mapping.wishes = [wish for wish in mapping.wishes if wish.position not in gone]
        chosen_headers = {self.header[position] for position in self.columns}
        mapping.ignored = [header for header in mapping.ignored if header not in chosen_headers]

    def _put(self, mapping: Mapping, position: int, field: str, attributes: dict[str, str]) -> None:
        header = self.header[position]
        taken = {field_of(column) for column in mapping.columns}
        if field == LEAVE_OUT:
            mapping.ignored.append(header)
            if wish_of(header):
                self.problems.add(self.line, header, CONSENT_LEFT_OUT)
        elif field == NEW:
            name = headers.as_name(words.plain(header))
            others = {column.name for column in mapping.unknown} | attributes.keys() | set(headers.NAMED)
            column = Column(position, header, _free(name, others), TEXT, True, is_unknown=True, is_new=True)
            mapping.unknown.append(column)
        elif field in OF_NAME:
            asks, channel = OF_NAME[field]
            mapping.wishes.append(Wish(position, header, asks, channel))
        elif field in taken:
            self._refuse(TWICE, {"field": field})
        elif field in OWN:
            mapping.columns.append(Column(position, header, field, DATE if field == "birth_date" else TEXT))
        elif field.removeprefix(ATTRIBUTE) in attributes and field.startswith(ATTRIBUTE):
            name = field.removeprefix(ATTRIBUTE)
            mapping.columns.append(Column(position, header, name, attributes[name], True))
        else:
            self._refuse(NO_FIELD, {"field": field[:80]})


def field_of(column: Column | Wish) -> str:
    """What a column is, as it is chosen."""
    return f"{ATTRIBUTE}{column.name}" if isinstance(column, Column) and column.is_attribute else column.name


def _free(name: str, taken: Iterable[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[:60]}_{number}"
    return free


def table(mapping: Mapping, header: list[str]) -> list[dict[str, str]]:
    """Each column of the file as it is taken: its header, its field, and how its numbers or dates are written."""
    every: list[Column | Wish] = [*mapping.columns, *mapping.wishes, *mapping.unknown]
    taken = {each.position: each for each in every}
    return [_row(name, taken.get(position)) for position, name in enumerate(header)]


def _row(header: str, column: Column | Wish | None) -> dict[str, str]:
    row = {"header": header[:200], "field": LEAVE_OUT, "kind": "", "written": ""}
    if isinstance(column, Wish):
        return {**row, "field": column.name}
    if column is None:
        return row
    if column.is_unknown and not column.is_new:
        return row
    row |= {"kind": column.kind, "written": column.decimal or column.order}
    if column.is_unknown:
        return {**row, "field": NEW}
    return {**row, "field": field_of(column)}
