import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.imports.columns import headers
from audiences.imports.reading import files, source


def read(content, **options):
    """The header, the good rows with their lines, and the lines that are broken."""
    content = content.encode() if isinstance(content, str) else content
    broken = []
    written = files.examine(io.BytesIO(content))
    reader = files.Reader(io.BytesIO(content), written, lambda line, *_, **__: broken.append(line))
    header = reader.read_header(headers.weigh)
    rows = [pair for batch in reader.batches(700) for pair in zip(batch.lines, batch.rows, strict=True)]
    return header, rows, broken, reader


@pytest.mark.parametrize(
    ("content", "encoding", "bom"),
    [
        ("email,city\na@example.com,São\n".encode(), "utf-8", False),
        ("email,city\na@example.com,São\n".encode("utf-8-sig"), "utf-8-sig", True),
        ("email,city\na@example.com,São\n".encode("utf-16"), "utf-16", True),
        (
            "email,nome\na@example.com,José Conceição\nb@example.com,Françoise\n".encode("cp1252"),
            "cp1252",
            False,
        ),
        (
            ("email,name\n" + "a@example.com,Наталья Иванова из Москвы\n" * 20).encode("cp1251"),
            "cp1251",
            False,
        ),
        (b"email,city\na@example.com,plain\n", "utf-8", False),
        (b"", "utf-8", False),
    ],
)
def test_the_encoding_is_found_out(content, encoding, bom):
    written = files.examine(io.BytesIO(content))

    assert (written.encoding, written.bom) == (encoding, bom)
    assert read(content)[2] == []


def test_an_accent_after_a_million_bytes_is_still_utf_8():
    content = b"email,city\n" + b"a@example.com,plain\n" * 60_000 + "b@example.com,São\n".encode()

    assert files.examine(io.BytesIO(content)).encoding == "utf-8"
    assert read(content)[1][-1] == (60_002, ["b@example.com", "São"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(delimiter):
    header, rows, _broken, reader = read(f"email{delimiter}Nome\na@example.com{delimiter}Ana\n")

    assert reader.delimiter == delimiter
    assert (header, rows) == (["email", "Nome"], [(2, ["a@example.com", "Ana"])])


def test_excels_hint_names_the_delimiter():
    header, rows, _broken, _reader = read("sep=;\nemail;Nome\na@example.com;Ana, Maria\n")

    assert (header, rows) == (["email", "Nome"], [(3, ["a@example.com", "Ana, Maria"])])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_through_quoted_line_breaks(end):
    content = end.join(
        ["email,name", 'a@x.example,"one', 'two"', "", "b@x.example,B", "c", "d@x.example,D", ""]
    )

    _header, rows, broken, _reader = read(content)

    assert [line for line, _row in rows] == [2, 5, 7]
    assert broken == [6]


def test_a_stray_quotation_mark_costs_one_row_alone():
    lines = [f"{n}@x.example,name {n}" for n in range(3_000)]
    lines[1_000] = '1000@x.example,"never closed'

    _header, rows, broken, _reader = read("email,name\n" + "\n".join(lines) + "\n")

    assert broken == [1_002]
    assert len(rows) == 2_999
    assert all(row[0] == f"{line - 2}@x.example" for line, row in rows)


cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
) | st.sampled_from(['"', '""', ",", "\n", "\r\n", "a\nb", '"a",', "ç"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_what_a_writer_of_csv_wrote_is_read(rows, end):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["email", "first_name", "city"], *rows])

    _header, found, broken, _reader = read(out.getvalue())

    assert [row for _line, row in found] == rows
    assert broken == []


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from([b"a,b\n", b'"', b"\n", b"x", b",", b"\xff", b"\0", b"\r"]), max_size=60).map(
        b"".join
    )
)
def test_no_file_at_all_breaks_the_reader(content):
    _header, rows, broken, reader = read(b"email,name\n" + content)

    assert all(len(row) == len(reader.header) for _line, row in rows)
    assert [line for line, _row in rows] == sorted({line for line, _row in rows})
    assert set(broken).isdisjoint(line for line, _row in rows)


def test_more_columns_than_anybody_has_are_refused_with_their_line_and_number():
    content = b"\n\nemail" + b",c" * source.MOST_COLUMNS + b"\na@example.com\n"

    with pytest.raises(source.NoTable) as refused, source.Source(lambda: io.BytesIO(content)).reader():
        pass

    assert (refused.value.reason, refused.value.line) == (source.MANY_COLUMNS, 3)
    assert refused.value.slots["found"] == source.MOST_COLUMNS + 1


def test_of_a_line_without_an_end_only_the_beginning_is_weighed():
    weighed = []
    content = ("email\n" + "a," * 1_000_000 + "\n").encode()
    reader = files.Reader(io.BytesIO(content), files.Written("utf-8", False, False), lambda *_, **__: None)

    header = reader.read_header(lambda names: weighed.append(len(names)) or headers.weigh(names))

    assert header == ["email"]
    assert max(weighed) <= files.MOST_WEIGHED
