"""A first reading of the file: what all cells of a column together tell, before any of them is taken."""

from collections.abc import Iterable

from django.utils.translation import gettext_noop as n_

from audiences.fields.fields import DATE, NUMBER
from audiences.imports.columns import conventions, headers
from audiences.imports.columns.conventions import Evidence
from audiences.imports.columns.headers import Column, Mapping
from audiences.imports.columns.wishes import Asks
from audiences.imports.reading.files import Batch
from audiences.imports.report import Problems

WHICH_DECIMAL = n_(
    "“%(value)s” can be read in two ways, and no other cell of the column tells which: say whether decimals have a "
    "comma or a point."
)
WHICH_ORDER = n_(
    "“%(value)s” can be read in two ways, and no other cell of the column tells which: say whether the day or the "
    "month comes first."
)


class WholeColumns:
    """Which columns of a mapping must be read as a whole, and what that tells."""

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.taken = mapping.columns + mapping.new
        open_ = [column for column in self.taken if column.kind in (NUMBER, DATE)]
        watched = {id(column): column for column in [*mapping.unknown, *mapping.perhaps, *open_]}
        declared = {column.position for column in open_}
        self.evidence = {
            column.position: Evidence(is_declared=column.position in declared, is_new=column.is_new)
            for column in watched.values()
        }
        self.evidence |= {
            wish.position: Evidence(is_new=False) for wish in mapping.wishes if wish.asks == Asks.STATUS
        }

    def read(self, batches: Iterable[Batch]) -> None:
        """Take note of every row; nothing is read where no column needs it."""
        if not self.evidence:
            return
        for batch in batches:
            for position, evidence in self.evidence.items():
                evidence.look({row[position] for row in batch.rows})

    def settle(self, choices: dict[str, str], *, line: int, problems: Problems) -> bool:
        """Columns know their kinds and how they are written; False where the report asks for a choice first."""
        self._find_statuses()
        settled = True
        for column in self.mapping.unknown:
            column.kind = self.evidence[column.position].kind
        for column in self.taken:
            if column.kind not in (NUMBER, DATE) or column.position not in self.evidence:
                continue
            cell = conventions.settle(
                column,
                self.evidence[column.position],
                decimal=choices.get("decimal", ""),
                order=choices.get("dates", ""),
            )
            if cell:
                reason = WHICH_DECIMAL if column.kind == NUMBER else WHICH_ORDER
                problems.add(line, column.header, reason, {"value": cell})
                settled = False
        return settled

    def _find_statuses(self) -> None:
        for wish in self.mapping.wishes:
            if wish.asks == Asks.STATUS:
                wish.blank_is_doubt = self.evidence[wish.position].blank_is_doubt
        for column in self._candidates():
            evidence = self.evidence[column.position]
            if evidence.is_status(named_so=column in self.mapping.perhaps):
                headers.as_status(self.mapping, column, blank_is_doubt=evidence.blank_is_doubt)
                self.taken = [each for each in self.taken if each is not column]

    def _candidates(self) -> list[Column]:
        """Columns that no field claims, and those whose name says status alone, an attribute's name too."""
        return list(
            {id(column): column for column in [*self.mapping.unknown, *self.mapping.perhaps]}.values()
        )
