"""Lines of a file of profiles, made by PostgreSQL many at a time: no row passes through Python.

Each page is one short statement that begins behind the key of the page before, so no snapshot is held however slowly
somebody downloads, and it works behind a pooler.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from audiences import addresses, sight
from audiences.fields import fields
from audiences.models import Profile
from campaign.lib import csv, csv_sql

ROWS_AT_A_TIME = 20_000

Sql = tuple[str, list[Any]]

# Own columns from the first to the one before the phone number, which often begins with a +, are nearly always plain:
# one look at all of them is enough then. The mark between them stands in no cell that is plain.
_BETWEEN = "\x1f"
_LETTERS = "a-zA-Z0-9\u00c0-\u024f"
_PLAIN = rf"([{_LETTERS}][{_LETTERS}@._ '/+-]*)?"
_PHONE = r"^\+[0-9 ()/.-]*$"


def pages(
    profiles: QuerySet[Profile],
    known: Sequence[fields.ProfileField],
    others: Sequence[str],
    *,
    delimiter: str,
    decimal: str,
    size: int = ROWS_AT_A_TIME,
) -> Iterator[str]:
    """The lines of these profiles of `sight.with_addresses` by their key, so many at a time.

    A line has the known fields and the other columns, which are yes, no or not known: 1, 0 or nothing. Texts are as
    `safe_cell` has them; a number has the decimal sign, and so many digits behind it that it is read in one way alone.
    """
    own = [field for field in known if field.column]
    attributes = [field.name for field in known if not field.column]
    head, parameters = _around(own, attributes, others, delimiter=delimiter, decimal=decimal)
    names = ["pk", *(field.name for field in own), "is_clear", "attributes", *others]
    ordered = profiles.order_by("pk").values_list(*names)
    last = None
    while True:
        page = ordered.filter(pk__gt=last) if last is not None else ordered
        try:
            query, values = page[:size].query.sql_with_params()
        except EmptyResultSet:  # filters of which Django knows that nobody has them
            return
        columns = ", ".join(
            ["id", *(f"o{place}" for place in range(len(own))), "is_clear", "attributes", *others]
        )
        with connection.cursor() as cursor:
            cursor.execute(f"{head}{query}) AS page({columns}) OFFSET 0) AS told", [*parameters, *values])
            lines, found, last = cursor.fetchone()
        if found:
            yield lines
        if found < size:
            return


def _around(
    own: Sequence[fields.ProfileField],
    attributes: Sequence[str],
    others: Sequence[str],
    *,
    delimiter: str,
    decimal: str,
) -> Sql:
    """What stands before the query of a page's profiles, and its parameters."""
    texts = [_text(place, field) for place, field in enumerate(own)]
    texts += [f"attributes -> %s AS a{place}" for place in range(len(attributes))]
    cells = [_own_cells(own, delimiter)]
    cells += [
        _attribute_cell(f"a{place}", delimiter=delimiter, decimal=decimal) for place in range(len(attributes))
    ]
    cells += [(f"coalesce({name}::int::text, '')", []) for name in others]
    line = f" || '{delimiter}' || ".join(cell for cell, _values in cells) + r" || E'\r\n'"
    told = ", ".join(["id", *texts, *others])
    head = f"SELECT string_agg({line}, '' ORDER BY id), count(*), max(id) FROM (SELECT {told} FROM ("
    return head, [value for _cell, values in cells for value in values] + list(attributes)


def _text(place: int, field: fields.ProfileField) -> str:
    """A column of the profile as a text that is never null."""
    name = f"o{place}"
    if field.kind == fields.DATE:
        said = f"coalesce(to_char({name}, 'YYYY-MM-DD'), '')"
    elif field.name in sight.MASKED:
        said = f"CASE WHEN is_clear::boolean THEN {name} ELSE {addresses.masked_in_sql(name)} END"
    else:
        said = f"coalesce({name}, '')"
    return f"{said} AS t{place}"


def _own_cells(own: Sequence[fields.ProfileField], delimiter: str) -> Sql:
    """The cells of the profile's own columns."""
    one_by_one: list[Sql] = [csv_sql.cell(f"t{place}", delimiter=delimiter) for place in range(len(own))]
    phone = next(place for place, field in enumerate(own) if field.name == "phone")
    before, after = _joined(one_by_one[:phone], delimiter), one_by_one[phone + 1 :]
    quoted, together = f"'{delimiter}'", " || %s || ".join(f"t{place}" for place in range(phone))
    plain = rf"^{_PLAIN}({_BETWEEN}{_PLAIN}){{{phone - 1}}}$"
    look = f"CASE WHEN {together} ~ %s THEN {together.replace('%s', quoted)} ELSE {before[0]} END"
    of_look = [*[_BETWEEN] * (phone - 1), plain, *before[1]]
    number = f"CASE WHEN t{phone} ~ %s THEN '''' || t{phone} ELSE {one_by_one[phone][0]} END"
    return _joined([(look, of_look), (number, [_PHONE, *one_by_one[phone][1]]), *after], delimiter)


def _joined(cells: Sequence[Sql], delimiter: str) -> Sql:
    return f" || '{delimiter}' || ".join(cell for cell, _values in cells), [
        v for _cell, values in cells for v in values
    ]


def _attribute_cell(name: str, *, delimiter: str, decimal: str) -> Sql:
    """The cell of an attribute, whatever was stored: a text is guarded, a number and a yes or no are none's formula."""
    guarded, values = csv_sql.cell("t", delimiter=delimiter)
    text = f"(SELECT {guarded} FROM (SELECT {name} #>> '{{}}' AS t) AS s)"
    # 2.345 could be two thousand, 2.3450 can't.
    number = f"regexp_replace({name}::text, '(\\.[0-9]+?)0*$', '\\1')"
    number = f"replace(regexp_replace({number}, '(\\.[0-9]{{3}})$', '\\10'), '.', %s)"
    said = (
        f"CASE jsonb_typeof({name}) WHEN 'string' THEN {text} WHEN 'number' THEN {number}"
        f" WHEN 'boolean' THEN initcap({name}::text) WHEN 'null' THEN '' ELSE coalesce({name}::text, '') END"
    )
    return said, [*values, decimal]


def header(known: Sequence[fields.ProfileField], others: Sequence[str], *, delimiter: str) -> str:
    """The first line of the file."""
    return csv.line([*(field.name for field in known), *others], delimiter=delimiter)
