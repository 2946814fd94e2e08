"""What every report is made of: tables of rows, each number with the address of its rows or its parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaign.lib.charts import Chart
from reporting.figures import kpis
from reporting.figures.kpis import Counts, Definition
from reporting.reports.subjects import About, Subject

Words = str | Promise
NOTHING_YET = _("There is nothing to show yet.")
CHANGES_BY_HOUR = _(
    "Opens, clicks and unsubscribes are those of the last count; messages are those of this moment."
)


@dataclass(frozen=True)
class Reader:
    """For whom a report is made: what they may see, when, and in whose hours. Without a person: the operator."""

    user: User | None
    at: datetime
    zone: ZoneInfo


@dataclass(frozen=True)
class Column:
    """A column of numbers; with `has_rate` each may have its share in per cent beside it."""

    label: Words
    has_rate: bool = False


@dataclass(frozen=True)
class Cell:
    """A number, or words in its place; `href` leads to its rows, or to the parts of which it is the sum."""

    number: int | None = None
    rate: Decimal | None = None
    href: str = ""
    words: Words = ""


@dataclass(frozen=True)
class Row:
    """What a row is of, and a cell for each column."""

    label: Words
    cells: Sequence[Cell]
    href: str = ""
    beside: Words = ""
    is_total: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns. `name` tells it from the others of its report; `empty` is said where there are no rows."""

    name: str
    title: Words
    first: Words  # what the rows are of
    columns: Sequence[Column]
    rows: Sequence[Row]
    chart: Chart | None = None
    note: Words = ""
    empty: Words = NOTHING_YET


@dataclass(frozen=True)
class Report:
    """What was found of a subject at a moment."""

    kind: "Kind"
    subject: Subject
    at: datetime
    zone: ZoneInfo
    tables: Sequence[Table]

    @property
    def title(self) -> Words:
        return self.kind.title


@dataclass(frozen=True)
class Kind:
    """A report by its name: what it says, of what it is, and what makes its tables."""

    code: str
    title: Words
    says: Words
    about: About
    tables: Callable[[Subject, Reader], list[Table]]
    meanings: Sequence[Definition] = ()
    notes: Sequence[Words] = field(default_factory=tuple)
    takes_days: bool = False  # whether it can be of the deliveries of some days alone
    name: Words = ""  # what it is called among the others of the same delivery

    def made(self, subject: Subject, reader: Reader) -> Report:
        """The report on the subject, for this reader. What they may not see of it is in none of its numbers."""
        return Report(self, subject, reader.at, reader.zone, self.tables(subject, reader))


# Columns and cells of the figures that all reports name alike.

FIGURES = tuple(kpis.DEFINITIONS)


def figure_columns() -> list[Column]:
    """A column for each indicator."""
    return [Column(one.label, one.is_rate) for one in FIGURES]


def figure_cells(counts: Counts, href: Callable[[Definition], str] = lambda _one: "") -> list[Cell]:
    """The cells under `figure_columns`; a number that is 0 leads nowhere."""
    return [
        Cell(n, one.rate(counts), href(one) if n else "") for one in FIGURES for n in [one.number(counts)]
    ]


def total(counts: Sequence[Counts]) -> Counts:
    """All of these taken together."""
    names = Counts.__dataclass_fields__
    return Counts(**{name: sum(getattr(one, name) for one in counts) for name in names})


def linked(number: int, href: str, **more: Any) -> Cell:
    """A number with the address of its rows, where it has some."""
    return Cell(number, href=href if number else "", **more)
