"""How many rows several queries find, asked by one statement."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

Statement = tuple[str, tuple[Any, ...]]


def statement(lists: Iterable[tuple[str, QuerySet[Any]]]) -> Statement:
    """Return what counts each of the lists by its name, with its values; an empty text where none can have a row.

    A name is written into the statement as it is: it is one of the program's own.
    """
    parts: list[str] = []
    values: list[Any] = []
    for name, rows in lists:
        try:
            found, own = rows.query.sql_with_params()
        except EmptyResultSet:  # of which Django knows that they give no row
            continue
        parts.append(f"SELECT '{name}', count(*) FROM ({found}) AS rows")
        values += own
    return " UNION ALL ".join(parts), tuple(values)


def of(lists: Iterable[tuple[str, QuerySet[Any]]]) -> dict[str, int]:
    """Return the number of rows by name. Where lists share a name they are added; what finds none may be missing."""
    asked, values = statement((name, rows.order_by()) for name, rows in lists)
    found: dict[str, int] = {}
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(asked, values)
            for name, number in cursor.fetchall():
                found[name] = found.get(name, 0) + number
    return found
