"""Statements that are asked again and again on a lasting connection, and are costlier to plan than to run."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from django.db import connection

_ALWAYS = 0  # psycopg prepares at the first use; None: never
_KNOWN = "_sinete_is_pooled"


class _Prepared(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(query, params, prepare=True, **options)


@contextmanager
def cursor() -> Iterator[Any]:
    """A cursor whose statements PostgreSQL plans once for each connection, and again as it sees fit.

    Behind a pooler, whose sessions are nobody's, it is a cursor like any other. Values must have their types in the
    statement, since they are sent beside it.
    """
    with connection.cursor() as usual:
        if _is_pooled():
            yield usual
            return
        wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
        own = wrap(_Prepared(connection.connection))  # type: ignore[arg-type]  # the stubs take a wrapper's cursor for a wrapper
        with closing(own):
            yield own


def rows(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All that the statement finds, by `cursor`."""
    with cursor() as own:
        own.execute(statement, values)
        found: list[tuple[Any, ...]] = own.fetchall()
        return found


def _is_pooled() -> bool:
    """Whether another process answers than the one that the connection was told of; asked once for each."""
    raw = connection.connection
    known: bool | None = getattr(raw, _KNOWN, None)
    if known is None:
        with raw.cursor() as asking:
            known = asking.execute("SELECT pg_backend_pid()").fetchone()[0] != raw.info.backend_pid
        if not known:
            raw.prepare_threshold = _ALWAYS
        setattr(raw, _KNOWN, known)
    return known
