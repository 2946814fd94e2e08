"""Excel workbooks: the right sheet, cells as the sheet has them, and what is refused in words."""

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest

from audiences.imports.reading import workbook
from audiences.imports.reading.source import NoTable, Source
from audiences.imports.tests.other_workbooks import ods_of, xls_of, xlsb_of
from audiences.imports.tests.workbooks import sheet_xml, workbook_of


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


OTHERS = {"ods": ods_of, "xls": xls_of, "xlsb": xlsb_of}


@pytest.mark.parametrize("kind", OTHERS)
def test_workbooks_of_other_programs_and_times_are_read_alike(kind):
    content = OTHERS[kind](
        [
            ["email", "id", "points", "city"],
            ["x@example.com", 1234567890123, 2.5, "São Paulo"],
            ["y@example.com"],
        ]
    )

    assert read(content) == [
        ["email", "id", "points", "city"], ["x@example.com", "1234567890123", "2.5", "São Paulo"],
        ["y@example.com", "", "", ""],
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["ods", "xls"])
def test_their_days_are_days(kind):
    content = OTHERS[kind]([["email", "birth_date"], ["x@example.com", date(1990, 4, 3)]])

    assert read(content)[1] == ["x@example.com", "1990-04-03"]


_CELL = '<table:table-cell office:value-type="string"{many}><text:p>{text}</text:p></table:table-cell>'


def _ods_rows(times: int, columns: int = 1) -> bytes:
    many = f' table:number-columns-repeated="{columns}"'
    row = f"<table:table-row>{_CELL.format(many='', text='email')}</table:table-row>"
    repeated = _CELL.format(many=many, text="x@example.com")
    return ods_of(
        [], xml=f'{row}<table:table-row table:number-rows-repeated="{times}">{repeated}</table:table-row>'
    )


def test_rows_that_an_open_document_repeats_are_there_as_often():
    assert read(_ods_rows(3)) == [["email"], *[["x@example.com"]] * 3]


def test_empty_rows_to_the_end_of_the_sheet_are_nothing():
    empty = '<table:table-row table:number-rows-repeated="1048574"><table:table-cell/></table:table-row>'
    row = f"<table:table-row>{_CELL.format(many='', text='email')}</table:table-row>"

    assert read(ods_of([], xml=row + empty)) == [["email"]]


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
        (xls_of([["email"]], stream="WordDocument"), workbook.NO_WORKBOOK),
        (xls_of([["email"]], stream="EncryptedPackage"), workbook.BROKEN),
        (xls_of([["email"]])[:2_048], workbook.BROKEN),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100), workbook.NO_WORKBOOK),
        (ods_of([["email"]], kind="application/vnd.oasis.opendocument.presentation"), workbook.NO_WORKBOOK),
        (ods_of([["email"]])[:-200], workbook.BROKEN),
        (ods_of([["email"] * 2_001]), workbook.TOO_LARGE),
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
