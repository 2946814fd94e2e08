"""Puts the test database back after a test that committed.

Django empties every table and then plays the end of a migration again, which computes content types, permissions and
roles anew: three quarters of the time. What those tables held before the first test is remembered here instead.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection, transaction
from psycopg import sql


class CleanSlate:
    """Remembers what the tables of Django's models hold now; `restore` brings that back and nothing else."""

    def __init__(self) -> None:
        self._tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        self._kept = {table: rows for table in self._tables if (rows := _read(table))}

    @staticmethod
    def is_possible() -> bool:
        """Whether this session may write rows back without the triggers that watch over them."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW is_superuser")
            return cursor.fetchone() == ("on",)

    def restore(self) -> None:
        """Every table holds what it held; sequences go on, as after Django's own flush."""
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in connection.ops.sql_flush(no_style(), self._tables):
                cursor.execute(statement)
            # The rows are right as they are: no trigger counts them, no key waits for the next table.
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table, rows in self._kept.items():
                with cursor.copy(
                    sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table))
                ) as copy:
                    copy.write(rows)
        ContentType.objects.clear_cache()


def _read(table: str) -> bytes:
    """All rows of a table as PostgreSQL writes them; empty where it has none."""
    name = sql.Identifier(table)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(name))
        if not _one(cursor):
            return b""
        with cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(name)) as copy:
            return b"".join(bytes(part) for part in copy)


def _one(cursor: Any) -> Any:
    return cursor.fetchone()[0]
