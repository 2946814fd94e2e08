"""PostgreSQL makes the same cells as Python, whatever stands in them."""

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaign.lib import csv_sql
from campaign.lib.csv import DELIMITERS, FORMULA, MOVES, line

awkward = st.text(st.sampled_from(f"{FORMULA}{MOVES}{DELIMITERS}'\" \u200e\u2028aé1@.\\-"), max_size=12)
texts = st.one_of(awkward, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))


@pytest.mark.django_db
@pytest.mark.parametrize("delimiter", DELIMITERS)
@settings(max_examples=120, deadline=None)
@given(found=st.lists(texts, min_size=1, max_size=20))
@example(found=["=1+1", "\t=1", "a;=1", "a\r\n=1", " =1", "'=1", '"=1', "ana@example.com", "a,b", "", "\v"])
def test_a_cell_of_postgresql_is_pythons(found, delimiter):
    sql, parameters = csv_sql.cell("t", delimiter=delimiter)

    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql} FROM unnest(%s::text[]) WITH ORDINALITY AS found(t, n) ORDER BY n",
            [*parameters, found],
        )
        made = [cell for (cell,) in cursor.fetchall()]

    # A second cell, as a line of one empty cell would be quoted.
    assert [f"{cell}{delimiter}x\r\n" for cell in made] == [
        line([text, "x"], delimiter=delimiter) for text in found
    ]


@pytest.mark.parametrize("text", ["", "a", "a,b", "=1"])
def test_a_constant_is_quoted_alike(text):
    assert f"{csv_sql.quoted(text, delimiter=',')},x\r\n" == line([text, "x"])
