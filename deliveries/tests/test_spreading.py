"""docs/spreading.md says which keys stand in the way of spreading the ledger: the database says the same."""

import re
from pathlib import Path

import pytest
from django.db import connection

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "spreading.md"
SPREAD = (
    "deliveries_addressees", "deliveries_bounce", "deliveries_chunk", "deliveries_doubt", "deliveries_exclusion",
    "deliveries_message", "deliveries_moment", "deliveries_sentagain", "deliveries_try", "feedback_hit",
)  # fmt: skip
_UNIQUE = """
    SELECT t.relname || ': ' || string_agg(a.attname, ', ' ORDER BY k.place)
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY k (number, place)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE i.indisunique AND t.relname = ANY(%s) GROUP BY t.relname, i.indexrelid
    HAVING min(a.attname) FILTER (WHERE k.place = 1) <> 'delivery_id'
"""
_FOREIGN = """
    SELECT t.relname || ': ' || string_agg(a.attname, ', ' ORDER BY k.place) || ' → ' || f.relname
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
    CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE c.contype = 'f' AND (t.relname = ANY(%s) OR f.relname = ANY(%s)) GROUP BY t.relname, f.relname, c.oid
"""
_TRIGGERS = """
    SELECT t.relname || ': ' || g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND t.relname = ANY(%s)
"""


def listed(name: str) -> list[str]:
    """The lines of a list in the document, between its two marks."""
    text = DOCUMENT.read_text().partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    return sorted(re.findall(r"^- `(.+)`$", text, re.M))


def found(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(SPREAD)] * statement.count("%s"))
        return sorted(row[0] for row in cursor.fetchall())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "statement"), [("unique", _UNIQUE), ("foreign", _FOREIGN), ("triggers", _TRIGGERS)]
)
def test_the_document_lists_what_stands_in_the_way(name: str, statement: str) -> None:
    assert listed(name) == found(statement)


@pytest.mark.django_db
def test_each_table_that_is_spread_has_the_delivery_in_every_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'delivery_id' AND is_nullable = 'NO' AND table_name = ANY(%s)",
            [list(SPREAD)],
        )
        assert sorted(row[0] for row in cursor.fetchall()) == sorted(SPREAD)


def test_the_document_names_every_table_that_is_spread() -> None:
    text = DOCUMENT.read_text()

    assert [table for table in SPREAD if f"`{table}`" not in text] == []
