"""Excel workbooks: the right sheet, cells as the sheet has them, and what is refused in words."""

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest

from audiences.imports import workbook
from audiences.imports.source import NoTable, Source
from audiences.tests.workbooks import sheet_xml, workbook_of


def read(content: bytes, **options: Any) -> list[list[str]]:
    source = Source(lambda: io.BytesIO(content), **options)
    with source.reader() as reader:
        rows = [row for batch in reader.batches(100) for row in batch.rows]
        return [reader.header, *rows]


def refusal(content: bytes, **options: Any) -> str:
    with pytest.raises(NoTable) as refused:
        Source(lambda: io.BytesIO(content), **options)
    return refused.value.reason


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (1234567890123, "1234567890123"),
        (1001.0, "1001"),
        (12345678901234567890, "1.23456789012346E+19"),
        (2.5, "2.5"),
        (0.1 + 0.2, "0.3"),
        (1.234, "1.2340"),
        (-0.00001, "-0.00001"),
        (True, "true"),
        (date(2026, 5, 1), "2026-05-01"),
        (datetime.fromisoformat("2026-05-01T10:22"), "2026-05-01 10:22:00"),
        ("0131", "0131"),
        ("São Paulo, “x”", "São Paulo, “x”"),
        ("two\nlines", "two lines"),
        (None, ""),
    ],
)
def test_a_cell_is_as_the_sheet_has_it(cell, found):
    content = workbook_of({"A": [["email", "value"], ["x@example.com", cell]]})

    assert read(content) == [["email", "value"], ["x@example.com", found]]


def test_a_formula_is_what_it_came_to():
    content = workbook_of({"A": [["email", "points"], ["x@example.com", ("=6*7", 42)]]})

    assert read(content)[1] == ["x@example.com", "42"]


SHEETS = {
    "Notes": [["What this is"], ["A list of customers"]],
    "Customers": [["Report of May"], [], ["email", "city"], ["x@example.com", "Natal"]],
    "Old": [["email", "city", "first name"], ["y@example.com", "Olinda", "Y"]],
}


def test_the_sheet_with_columns_that_are_known_is_read_and_hidden_ones_are_not():
    content = workbook_of(SHEETS, hidden={"Old"})

    assert read(content) == [["email", "city"], ["x@example.com", "Natal"]]


def test_another_sheet_can_be_chosen():
    content = workbook_of(SHEETS, hidden={"Old"})

    assert read(content, sheet="Old")[1] == ["y@example.com", "Olinda", "Y"]
    assert refusal(content, sheet="New") == workbook.NO_SHEET


def test_lines_are_the_rows_of_the_sheet():
    source = Source(lambda: io.BytesIO(workbook_of(SHEETS)), sheet="Customers")

    with source.reader() as reader:
        assert [batch.lines for batch in reader.batches(10)] == [[4]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (workbook_of({"A": []}), workbook.EMPTY),
        (workbook_of({"A": [["email"]]})[:-200], workbook.BROKEN),
        (workbook_of({"A": [["email"] * 2_001, ["x"] * 2_001]}), workbook.TOO_LARGE),
    ],
)
def test_what_can_not_be_read_is_refused_in_words(content, reason):
    assert refusal(content) == reason


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_opened():
    packed = io.BytesIO(workbook_of({"A": [["email"]]}))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/a.bin", bytes(80 << 20))

    assert refusal(packed.getvalue()) == workbook.TOO_LARGE


def test_a_sheet_that_takes_too_much_memory_ends_its_reader_alone(monkeypatch):
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    content = workbook_of({"A": [["email"]]}, xml={"A": sheet_xml(far)})

    assert refusal(content) in (workbook.TOO_LARGE, workbook.BROKEN)
