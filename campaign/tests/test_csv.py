import csv
import io
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.csv import FORMULA, safe_cell, safe_rows

BLANK = ' "\t\r\n\v\f\xa0\u200b\ufeff'


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+55 11",
        "-2",
        "@SUM(A1)",
        " =1",
        "\u00a0=1",
        "\u200b=1",
        "\ufeff=1",
        '"=1',
        "＝1",
        " ＋1",
        "－1",
        "＠a",
        "﹦1",
    ],
)
def test_what_a_spreadsheet_might_run_is_quoted(text):
    (line,) = safe_rows([[text]])

    assert next(csv.reader(io.StringIO(line.removeprefix("\ufeff"), newline="")))[0] == f"'{text}"


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "\r\n =1"])
def test_what_is_moved_to_another_cell_is_quoted_there_too(text):
    guarded = safe_cell(text)

    assert guarded.startswith("'")
    assert guarded.endswith(("'=1", "' =1"))


@pytest.mark.parametrize("text", ["a;=1", 'a";=1', "a; ＝1", "a\n=1", "a\t@SUM(A1)"])
def test_a_formula_behind_the_separator_of_another_country_is_quoted(text):
    (line,) = safe_rows([["first", text]])

    assert _formulas(line, delimiter=";") == []


def test_ordinary_text_stays_as_it_is():
    for text in ("Rua Augusta, -5", "a; b", "1-2", "a=b", "x@example.com", "", "João"):
        assert safe_cell(text) == text


def test_numbers_and_empty_values_stay_what_they_are():
    assert list(safe_rows([["a", -5, Decimal("-1.5"), None, True]])) == ["\ufeffa,-5,-1.5,,True\r\n"]


def test_only_the_first_line_has_the_mark():
    assert [line.startswith("\ufeff") for line in safe_rows([["a"], ["b"]])] == [True, False]


def test_the_guard_takes_time_in_line_with_the_size():
    def seconds(size: int) -> float:
        began = time.process_time()
        for piece in ("\n", " ", '"', ";", "\n ", "; "):
            safe_cell(piece * size)
        return time.process_time() - began

    assert seconds(400_000) < 6 * seconds(100_000) + 0.2


awkward = st.text(
    st.sampled_from("=+-@＝＋;,\t\r\n \"'ab1\u200b\ufeff") | st.characters(exclude_categories=["Cs"])
)


@given(st.lists(st.lists(awkward, min_size=1), min_size=1), st.sampled_from(",;\t"), st.sampled_from(",;\t"))
def test_no_cell_begins_like_a_formula_whatever_separates_when_it_is_read(rows, written, read):
    lines = "".join(safe_rows(rows, delimiter=written)).removeprefix("\ufeff")

    assert _formulas(lines, delimiter=read) == []


@given(st.lists(st.lists(awkward, min_size=1), min_size=1))
def test_no_cell_is_lost(rows):
    text = "".join(safe_rows(rows)).removeprefix("\ufeff")

    read = list(csv.reader(io.StringIO(text, newline="")))

    assert [len(row) for row in read if row] == [len(row) for row in rows if row]


def _formulas(text: str, *, delimiter: str) -> list[str]:
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]
    return [cell for cell in cells if cell.lstrip(BLANK)[:1] in tuple(FORMULA)]
