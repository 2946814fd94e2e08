"""Files as people have them: read, or refused in words that say what they are and what to do."""

import gzip
import io
import zipfile

import pytest

from audiences.imports.columns import headers
from audiences.imports.columns.headers import mapped
from audiences.imports.reading import files, kinds
from audiences.imports.staging.rows import Rows


def read(content):
    """The header, the good rows, and the reasons of the report."""
    content = content.encode() if isinstance(content, str) else content
    reasons = []
    written = files.examine(io.BytesIO(content))
    reader = files.Reader(
        io.BytesIO(content), written, lambda line, field, reason, *_, **__: reasons.append(reason)
    )
    header = reader.read_header(headers.weigh)
    return header, [row for batch in reader.batches(100) for row in batch.rows], reasons


PEOPLE = [["a@x.example", "Ana"], ["b@x.example", "Bia"]]


@pytest.mark.parametrize(
    "content",
    [
        'email, first_name\n"a@x.example", "Ana"\nb@x.example, Bia\n',
        "email,first_name\na@x.example,Ana,\nb@x.example,Bia\n",
        "email,first_name\na@x.example,Ana,\nb@x.example,Bia,,\n",
        "email,first_name\r\na@x.example,Ana\r\nb@x.example,Bia\r\n\x1a",
        "email,first_name\r\na@x.example,Ana\r\nb@x.example,Bia\r\n\x1a\r\n",
        "email,first_name\na@x.example,Ana\nb@x.example,Bia\n".encode("utf-16-le"),
        "email,first_name\na@x.example,Ana\nb@x.example,Bia\n".encode("utf-16-be"),
        b"\xff\xfe\0\0" + "email,first_name\na@x.example,Ana\nb@x.example,Bia\n".encode("utf-32-le"),
    ],
)
def test_it_is_read(content):
    header, rows, reasons = read(content)

    assert (header, rows, reasons) == (["email", "first_name"], PEOPLE, [])


@pytest.mark.parametrize(
    "above", ["Customers of the autumn campaign\n", "Customers\nExported 2026-11-20,,\n\n", "\n\nMarketing\n"]
)
def test_a_title_above_the_names_of_the_columns_is_passed_over_and_that_is_told(above):
    header, rows, reasons = read(above + "email,first_name\na@x.example,Ana\nb@x.example,Bia\n")

    assert (header, rows) == (["email", "first_name"], PEOPLE)
    assert set(reasons) == {files.ABOVE}


def test_columns_without_a_name_may_be_missing_in_rows():
    header, rows, reasons = read("email;first_name;\na@x.example;Ana\nb@x.example;Bia;\n")

    assert (header, rows, reasons) == (["email", "first_name", ""], [[*row, ""] for row in PEOPLE], [])


def test_a_field_above_128_kb_is_refused_for_what_it_is():
    _header, rows, reasons = read("email,first_name\na@x.example," + "x" * 200_000 + "\nb@x.example,Bia\n")

    assert (rows, reasons) == ([PEOPLE[1]], [files.TOO_LARGE])


def staged(content):
    """The rows as staging takes them, and the reasons of the report."""
    header, rows, _reasons = read(content)
    reasons = []
    prepared = Rows(mapped(header, {}), lambda line, field, reason, *_, **__: reasons.append(reason))
    text = prepared.as_text(files.Batch(list(range(2, len(rows) + 2)), rows))
    return [line.split("\t")[4:] for line in text.splitlines()], reasons


@pytest.mark.parametrize("nothing", ["NULL", "#N/A", "n/a", "#REF!", "null", "#NOME?"])
def test_what_stands_for_nothing_is_nothing_and_that_is_told(nothing):
    rows, reasons = staged(f"email,first_name\na@x.example,{nothing}\n")

    assert rows == [["a@x.example", ""]]
    assert len(reasons) == 1


@pytest.mark.parametrize("name", ["Null", "Nan", "None", "NA", "Nil"])
def test_names_that_only_look_so_stay(name):
    assert staged(f"email,last_name\na@x.example,{name}\n") == ([["a@x.example", name]], [])


@pytest.mark.parametrize("total", ["Total", "Grand total", "TOTAIS", "Subtotal", "Total geral", "Soma"])
def test_a_line_of_totals_is_nobody(total):
    rows, reasons = staged(f"email,first_name,points\na@x.example,Ana,10\n{total},,30\n")

    assert rows == [["a@x.example", "Ana"]]
    assert len(reasons) == 1


def packed(*names):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return whole.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(b"email\na@x.example\n", mtime=0), kinds.ARCHIVE),
        (packed("customers.csv"), kinds.ARCHIVE),
        (b"%PDF-1.7\n", kinds.PDF),
        (b"\x89PNG\r\n\x1a\n", kinds.PICTURE),
        (b"\xff\xd8\xff\xe0", kinds.PICTURE),
        (b"<html><body><table>", kinds.PAGE),
        (b'[{"email": "a@x.example"}]', kinds.JSON),
    ],
    ids=["gzip", "zip", "pdf", "png", "jpeg", "html", "json"],
)
def test_what_is_no_csv_is_named_for_what_it_is(content, reason):
    assert kinds.no_csv(content)[0] == reason


def test_a_workbook_of_excel_is_told_from_other_packed_files():
    assert kinds.is_workbook(packed("[Content_Types].xml", "xl/workbook.xml"))
    assert not kinds.is_workbook(packed("customers.csv"))
    assert not kinds.is_workbook(packed("[Content_Types].xml", "word/document.xml"))


@pytest.mark.parametrize(
    "content", [b"email,first_name\n", b'"email";"nome"\n', b"", b"[vip],email\n", b"<email>,name\n"]
)
def test_what_may_be_csv_is_read(content):
    assert kinds.no_csv(content) is None
