"""How numbers and dates of a column are written is decided by the whole column, and asked where it stays open."""

import pytest

from audiences.imports.columns import conventions
from audiences.imports.columns.cells import Converter
from audiences.imports.columns.conventions import Evidence
from audiences.imports.columns.headers import Column

ASKED = "asked"


def taken(kind, cells, *, decimal="", dates=""):
    """The cells as they are stored, or ASKED; those that can't be read are None."""
    column, evidence, bad = Column(0, "x", "x", kind, True), Evidence(is_declared=True), set()
    evidence.look(cells)
    if conventions.settle(column, evidence, decimal=decimal, order=dates):
        return ASKED
    converter = Converter(report=lambda line, *_: bad.add(line))
    values = converter.cells(column, cells, list(range(len(cells))))
    return [None if place in bad else value for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["950,00", "1.234,50", "2.500"], ["950.00", "1234.50", "2500"]),
        (["2.500", "7,5"], ["2500", "7.5"]),
        (["1,234", "12.5", "1,234.50"], ["1234", "12.5", "1234.50"]),
        (["2.500", "3.25"], ["2.500", "3.25"]),
        (["1.234.567", "2.500"], ["1234567", "2500"]),
        (["0.500", "2.500"], ["0.500", "2.500"]),
        (["1234.500", "2.500"], ["1234.500", "2.500"]),
        (["10", "20"], ["10", "20"]),
        (["-1,5", "-2.000"], ["-1.5", "-2000"]),
        (["2.500", "3.750"], ASKED),
        (["1,234"], ASKED),
        (["7,5", "7.5", "2.500"], ASKED),
        (["7,5", "7.25"], ["7.5", "7.25"]),
        (["many", "3,5"], [None, "3.5"]),
    ],
)
def test_numbers(cells, values):
    assert taken("number", cells) == values


def test_what_a_person_chose_counts_where_the_column_does_not_tell():
    assert taken("number", ["2.500"], decimal=",") == ["2500"]
    assert taken("number", ["2.500"], decimal=".") == ["2.500"]
    assert taken("number", ["2.500", "7.25"], decimal=",") == ["2.500", "7.25"]
    assert taken("date", ["03/04/2026"], dates="day") == ["2026-04-03"]
    assert taken("date", ["03/04/2026"], dates="month") == ["2026-03-04"]
    assert taken("date", ["03/04/2026", "31/12/2026"], dates="month") == ["2026-04-03", "2026-12-31"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["03/02/1990", "12/31/1990"], ["1990-03-02", "1990-12-31"]),
        (["03/02/1990", "31/12/1990"], ["1990-02-03", "1990-12-31"]),
        (["03.02.1990"], ["1990-02-03"]),
        (["1990-02-03", "05/05/1990"], ["1990-02-03", "1990-05-05"]),
        (["31/12/1990", "12/31/1990"], ["1990-12-31", "1990-12-31"]),
        (["03/02/1990", "04/05/1990"], ASKED),
        (["31/12/1990", "12/31/1990", "03/02/1990"], ASKED),
        (["31/02/1990"], [None]),
    ],
)
def test_dates(cells, values):
    assert taken("date", cells) == values


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["20001", "01310"], "text"),
        (["7", "8", "1.5"], "number"),
        (["1234567890123456"], "text"),
        (["+5511999990000"], "text"),
        (["31/12/1990", "1990-01-01"], "date"),
        (["1990-01-01", "soon"], "text"),
        (["sim", "não"], "yes_no"),
        (["sim", "talvez"], "text"),
        (["5", "NULL", "#N/A", ""], "number"),
        (["", "NULL"], "text"),
    ],
)
def test_the_kind_of_a_new_attribute_fits_every_cell(cells, kind):
    evidence = Evidence()
    for cell in cells:
        evidence.look([cell])

    assert evidence.kind == kind
