import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.lib.csv import FORMULA, safe_rows


@pytest.mark.parametrize("text", ["=1+1", "+55 11", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_what_a_spreadsheet_might_run_is_quoted(text):
    (line,) = safe_rows([[text]])

    assert next(csv.reader(io.StringIO(line.removeprefix("\ufeff"), newline="")))[0] == f"'{text}"


def test_numbers_and_empty_values_stay_what_they_are():
    assert list(safe_rows([["a", -5, Decimal("-1.5"), None, True]])) == ["\ufeffa,-5,-1.5,,True\r\n"]


def test_only_the_first_line_has_the_mark():
    assert [line.startswith("\ufeff") for line in safe_rows([["a"], ["b"]])] == [True, False]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), min_size=1))
def test_no_cell_begins_like_a_formula_and_none_is_lost(rows):
    text = "".join(safe_rows(rows)).removeprefix("\ufeff")

    read = list(csv.reader(io.StringIO(text, newline="")))

    assert all(not cell.startswith(FORMULA) for row in read for cell in row)
    assert [len(row) for row in read if row] == [len(row) for row in rows if row]
