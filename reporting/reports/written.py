"""A report as the rows of a file, as data for programs, and as plain text."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.numbers import grouped
from reporting.exports import exports
from reporting.reports.frame import Cell, Report, Row, Table

LONGEST_LABEL = 44


def export(report: Report, *, by: User) -> Iterator[bytes]:
    """The file in the person's style; it leaves an audit event. Raise NotAllowed for whoever may not export."""
    for target in report.subject.targets:
        access.require(by, Right.EXPORT, target)
    audit.record(
        "export_report",
        by=by,
        target=report.subject.targets[0],
        report=report.kind.code,
        of=report.subject.query,
    )
    return rows(report, by=by)


def rows(report: Report, *, by: User) -> Iterator[bytes]:
    """The same without a check of rights, and without a trace."""
    return exports.written(HEADER, _cells(report), by=by)


HEADER = [_("Table"), _("Row"), _("Column"), _("Number"), _("Per cent"), _("Words")]


def _cells(report: Report) -> Iterator[list[Any]]:
    """A line for each number: tables of any width make one file, which programs read by its columns."""
    for table in report.tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                number = "" if cell.number is None else cell.number
                rate = "" if cell.rate is None else cell.rate
                yield [table.title, row.label, column.label, number, rate, cell.words]


def as_dict(report: Report) -> dict[str, Any]:
    """For programs: codes and numbers, with the address of the rows of each."""
    return {
        "report": report.kind.code,
        "of": report.subject.query,
        "of_label": report.subject.in_words,
        "at": report.at,
        "zone": str(report.zone),
        "tables": [_table(table) for table in report.tables],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "table": table.name,
        "columns": [str(column.label) for column in table.columns],
        "rows": [
            {"row": str(row.label), "is_total": row.is_total, "cells": [_cell(cell) for cell in row.cells]}
            for row in table.rows
        ],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    if cell.number is None:
        return {"words": str(cell.words)}
    rate = {"percent": cell.rate} if cell.rate is not None else {}
    return {"number": cell.number, **rate, "rows": cell.href or None}


def lines(report: Report) -> Iterator[str]:
    """The report as plain text: a line for each row, and below it its numbers by name."""
    yield f"{report.title}: {report.subject.in_words}"
    for table in report.tables:
        yield ""
        yield str(table.title)
        yield from _lines(table)
        if table.note:
            yield f"  {table.note}"
    yield ""
    yield from (str(note) for note in report.kind.notes)


def _lines(table: Table) -> Iterable[str]:
    if not table.rows:
        return [f"  {table.empty}"]
    if len(table.columns) == 1:
        return [
            f"  {str(row.label)[:LONGEST_LABEL]:<{LONGEST_LABEL}}  {_shown(row.cells[0])}"
            for row in table.rows
        ]
    return [line for row in table.rows for line in _block(table, row)]


def _block(table: Table, row: Row) -> Iterator[str]:
    yield f"  {row.label}"
    said = (f"{column.label} {_shown(cell)}" for column, cell in zip(table.columns, row.cells, strict=True))
    yield f"      {', '.join(said)}"


def _shown(cell: Cell) -> str:
    if cell.number is None:
        return str(cell.words) if isinstance(cell.words, Promise) else cell.words
    number = str(grouped({"n": cell.number})["n"])
    return f"{number} ({cell.rate} %)" if cell.rate is not None else number
