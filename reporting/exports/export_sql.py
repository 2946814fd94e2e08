"""Lines of a log's file, made by PostgreSQL many at a time: no row passes through Python.

Each page is one short statement that begins behind the key of the page before, so no snapshot is held however slowly
somebody downloads, and it works behind a pooler. `file_columns` says of each column how it is read, in Python for
pages and commands, in SQL for files; a test compares the two.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from audiences import addresses, sight
from campaign.lib import csv_sql
from reporting.exports.export_joins import Beside, Joined
from reporting.logs.logs import Log

ROWS_AT_A_TIME = 20_000

Sql = tuple[str, list[Any]]
# From the names of a column's fields to the SQL of a text that is never null, and its parameters.
Reader = Callable[..., Sql]


class Made(Protocol):
    """A column: from which fields and how it is read, and whether its text is anybody's, to be guarded and quoted."""

    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def choices(self) -> Sequence[tuple[Any, Any]]: ...
    @property
    def sql(self) -> Reader | None: ...
    @property
    def is_free(self) -> bool: ...


def number(field: str) -> Sql:
    return f"coalesce({field}::text, '')", []


def number_if_seen(field: str, is_seen: str) -> Sql:
    return f"CASE WHEN {is_seen} THEN coalesce({field}::text, '') ELSE '' END", []


def yes_no(field: str) -> Sql:
    return f"({field}::int)::text", []


def moment(field: str) -> Sql:
    return f"coalesce(to_char({field} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || '+00:00', '')", []


def tenths(field: str) -> Sql:
    """A number with one digit behind the point."""
    return f"coalesce(to_char(round({field} * 10)::numeric / 10, 'FM999999999999990.0'), '')", []


def text(field: str) -> Sql:
    return f"coalesce({field}, '')", []


def text_if_seen(field: str, is_seen: str) -> Sql:
    return f"CASE WHEN {is_seen} THEN coalesce({field}, '') ELSE '' END", []


def address(field: str, is_seen: str, is_clear: str) -> Sql:
    """As `sight.shown`."""
    masked = addresses.masked_in_sql(field)
    said = f"coalesce(CASE WHEN NOT {is_seen} THEN %s WHEN {is_clear} THEN {field} ELSE {masked} END, '')"
    return said, [str(sight.SOMEBODY)]


def told(field: str, is_seen: str, is_clear: str) -> Sql:
    """As `sight.told`."""
    masked = f"regexp_replace({field}, %s, '\\1•••@', 'g')"
    said = (
        f"coalesce(CASE WHEN NOT {is_seen} THEN '' WHEN {is_clear} OR position('@' IN {field}) = 0 THEN {field}"
        f" ELSE {masked} END, '')"
    )
    return said, [addresses.LOCAL_PARTS]


def words(choices: Sequence[tuple[Any, Any]], field: str, *, delimiter: str) -> Sql:
    """Each choice by its label, in the language that is active now."""
    labels = [(value, csv_sql.quoted(str(label), delimiter=delimiter)) for value, label in choices]
    whens = " ".join("WHEN %s THEN %s" for _pair in labels)
    return f"CASE {field} {whens} ELSE {field}::text END", [part for pair in labels for part in pair]


def pages(
    columns: Sequence[Made],
    log: Log,
    rows: QuerySet[Any],
    *,
    delimiter: str,
    beside: Beside | None = None,
    size: int = ROWS_AT_A_TIME,
) -> Iterator[tuple[str, int]]:
    """The lines of the rows in the log's order, so many at a time, each part with the number of its rows.

    `beside` names what is joined to a page; without it every field is one of the rows' own.
    """
    names = list(dict.fromkeys([log.key, *(name for column in columns for name in column.fields)]))
    given = beside.fields if beside else frozenset()
    own = [name for name in names if name not in given]
    called = {name: f"c{place}" for place, name in enumerate(own)}
    joined = beside.joined(called) if beside else Joined()
    behind, parameters = _lines_of(columns, called, joined, delimiter, newest_first=log.newest_first)
    head = f"WITH page({', '.join(called.values())}) AS MATERIALIZED ("
    return _pages(log, rows.values_list(*own), (head, behind), parameters, size)


def _pages(
    log: Log, rows: QuerySet[Any], around: tuple[str, str], parameters: list[Any], size: int
) -> Iterator[tuple[str, int]]:
    ordered = rows.order_by(f"-{log.key}" if log.newest_first else log.key)
    beyond, last = f"{log.key}__{'lt' if log.newest_first else 'gt'}", None
    while True:
        page = ordered.filter(**{beyond: last}) if last is not None else ordered
        try:
            query, values = page[:size].query.sql_with_params()
        except EmptyResultSet:  # filters of which Django knows that nothing has them
            return
        with connection.cursor() as cursor:
            cursor.execute(f"{around[0]}{query}{around[1]}", [*values, *parameters])
            lines, found, last = cursor.fetchone()
        if found:
            yield lines, found
        if found < size:
            return


def _lines_of(
    columns: Sequence[Made], called: Mapping[str, str], joined: Joined, delimiter: str, *, newest_first: bool
) -> Sql:
    """What stands behind the query of a page's rows: the lines in one text, their number, the last key."""
    places = {**called, **{name: f"b{place}" for place, name in enumerate(joined.gives)}}
    texts, of_texts, cells, of_cells = [], [], [], []
    for place, column in enumerate(columns):
        said, values = _read(column, [places[name] for name in column.fields], delimiter)
        if column.is_free:
            texts.append(f", {said} AS t{place}")
            of_texts += values
            said, values = csv_sql.cell(f"t{place}", delimiter=delimiter)
        cells.append(said)
        of_cells += values
    line = f" || '{delimiter}' || ".join(cells) + r" || E'\r\n'"
    order = f"ORDER BY c0 {'DESC' if newest_first else 'ASC'}"
    gives = "".join(f", {said} AS {places[name]}" for name, said in joined.gives.items())
    # Without OFFSET the texts would be made anew wherever a cell names them.
    return (
        f"){joined.before} SELECT string_agg({line}, '' {order}), count(*), (array_agg(c0 {order}))[count(*)]"
        f" FROM (SELECT *{''.join(texts)} FROM (SELECT page.*{gives} FROM page{joined.sql}) AS found OFFSET 0) AS told",
        [*of_cells, *of_texts, *joined.parameters],
    )


def _read(column: Made, fields: list[str], delimiter: str) -> Sql:
    if column.choices:
        return words(column.choices, *fields, delimiter=delimiter)
    assert column.sql is not None
    return column.sql(*fields)
