"""The tables of one run of an import: staged rows, and what a merge needs beside them.

They are ordinary unlogged ones, named by the import and the token of the run: nothing hangs on a connection, so it
works through a pooler. What a run left that was killed goes with the next of any import; the staged rows of a dry run
stay to be looked at until its file goes.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from psycopg import sql

from audiences.imports.columns.cells import NULL
from audiences.imports.columns.headers import Mapping
from audiences.imports.staging import wish_rows
from audiences.models import Import

Values = dict[str, Any] | list[Any] | None

_TYPES = {"birth_date": "date"}


@dataclass(frozen=True, slots=True)
class Staging:
    """The tables of one run of an import."""

    import_id: int
    token: int

    @property
    def names(self) -> dict[str, sql.Identifier]:
        return {
            part: sql.Identifier(f"import_{part}_{self.import_id}_{self.token}")
            for part in ("staging", "repeated", "matched", "target", "changed")
        }

    def create(self, mapping: Mapping) -> None:
        """An empty staging table with the columns of the mapping; nothing is left of runs that are over."""
        drop_leftovers(self)
        self.drop()
        named: list[sql.Composable] = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_TYPES.get(column.name, "text")))
            for column in mapping.own
        ]
        named += [sql.SQL(f"{name} {kind}") for name, kind in wish_rows.columns_of(mapping.wishes).items()]
        if mapping.attributes:
            named.append(sql.SQL("attributes jsonb"))
        self.execute(
            "CREATE UNLOGGED TABLE {staging} (line bigint, key text, email_state text, email_key text, {columns})"
            " WITH (autovacuum_enabled = false)",
            columns=sql.SQL(", ").join(named),
        )

    def create_of(self, names: Iterable[str]) -> None:
        """The same with these columns of text beside the line, for a file that makes no profiles."""
        drop_leftovers(self)
        self.drop()
        named = [sql.SQL("{} text").format(sql.Identifier(name)) for name in names]
        self.execute(
            "CREATE UNLOGGED TABLE {staging} (line bigint, {columns})", columns=sql.SQL(", ").join(named)
        )

    def copy(self, text: str) -> int:
        """The rows of a batch stand in the staging table; their number."""
        statement = sql.SQL(f"COPY {{staging}} FROM STDIN (NULL '{NULL}')").format(**self.names)
        with connection.cursor() as cursor:
            with cursor.copy(statement) as target:
                target.write(text)
            return int(cursor.rowcount)

    def drop(self) -> None:
        self.execute("DROP TABLE IF EXISTS {staging}")

    def order(self) -> None:
        """Rows are found by their lines, for as long as the table stays."""
        self.execute("CREATE INDEX ON {staging} USING brin (line)")

    def at(self, lines: list[int]) -> list[dict[str, Any]]:
        """The staged rows of these lines, by the column; raises ProgrammingError where the table is gone."""
        statement = self.part(
            "SELECT * FROM {staging} WHERE line = ANY({lines}) ORDER BY line", lines=sql.Literal(lines)
        )
        with connection.cursor() as cursor:
            cursor.execute(statement.as_string(cursor.cursor))
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute(self, statement: str, values: Values = None, **parts: sql.Composable) -> int:
        """The statement with the names of the tables, and its other parts, put in; how many rows it touched."""
        with connection.cursor() as cursor:
            cursor.execute(self._whole(statement, parts).as_string(cursor.cursor), values)
            return int(cursor.rowcount)

    def fetch(self, statement: str, values: Values = None, **parts: sql.Composable) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(self._whole(statement, parts).as_string(cursor.cursor), values)
            return cursor.fetchall()

    def part(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        """A part of a statement with the tables' names put in."""
        return self._whole(statement, parts)

    def _whole(self, statement: str, parts: dict[str, sql.Composable]) -> sql.Composed:
        return sql.SQL(statement).format(**self.names, **parts)


_LEFT = re.compile(r"import_staging_(\d+)_(\d+)")


def drop_leftovers(run: Staging | None = None) -> None:
    """What killed runs left, and dry runs whose file is gone; what somebody is still at, or looks at, stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            " AND relname LIKE 'import\\_staging\\_%'"
        )
        found = [_LEFT.fullmatch(name) for (name,) in cursor.fetchall()]
    left = [Staging(int(match[1]), int(match[2])) for match in found if match]
    kept = Import.objects.filter(pk__in=[each.import_id for each in left]).filter(
        ~Q(status__in=Import.FINAL) | Q(status=Import.Status.CHECKED, parts__isnull=False)
    )
    tokens = dict(kept.values_list("pk", "token"))
    for each in left:
        is_kept = each.token == tokens.get(each.import_id)
        is_at_work = each.import_id in tokens and (run is None or each.import_id != run.import_id)
        if not is_kept and not is_at_work:
            with suppress(OperationalError), transaction.atomic():
                each.execute("SELECT set_config('lock_timeout', '2s', true)")
                each.drop()
