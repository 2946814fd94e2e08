"""Lines of CSV made by PostgreSQL, as `csv` makes them: for files of a million rows."""

from typing import Any

from campaign.lib import csv

LINE_END = "\r\n"


def cell(text: str, *, delimiter: str) -> tuple[str, list[Any]]:
    """The SQL of a cell of a text, which is never null, and its parameters: what `safe_cell` makes of it, quoted.

    `text` is SQL too; it stands there several times, so it should be the name of a column.
    """
    guarded = f"regexp_replace({text}, %s, '\\1''', 'g')"
    guarded = f"CASE WHEN left({text}, 1) = ANY(%s::text[]) THEN '''' || {guarded} ELSE {guarded} END"
    start = csv.start_in_sql(delimiter)
    moved = [list(csv.MOVES), start, start]
    quoted = "CASE WHEN g ~ %s THEN '\"' || replace(g, '\"', '\"\"') || '\"' ELSE g END"
    # Nearly every text is plain, or empty: one look is enough, and nothing is written anew.
    written = f"(SELECT {quoted} FROM (SELECT {guarded} AS g) AS s)"
    sql = f"CASE WHEN {text} = '' OR {text} ~ %s THEN {text} ELSE {written} END"
    return sql, [PLAIN, f'[{delimiter}"\r\n]', *moved]


PLAIN = r"^[a-zA-Z0-9][a-zA-Z0-9@._ ]*$"


def quoted(text: str, *, delimiter: str) -> str:
    """A constant text as a cell."""
    return csv.line([text], delimiter=delimiter).removesuffix(LINE_END) if text else ""
