"""Statements that are asked again and again on a lasting connection, and are costlier to plan than to run."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from django.db import connection

SECONDS_KEPT = 60.0  # a plan is made for tables as they were
_ALWAYS = 0  # psycopg prepares at the first use; None: never
_KNOWN, _SINCE, _UNCOMPILED = "_sinete_is_pooled", "_sinete_plans_since", "_sinete_without_jit"


class _Prepared(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        found = super().execute(query, params, prepare=True, **options)
        if connection.queries_logged:
            self._query = self._convert_query(query)  # what Django's list of queries shows
        return found


def rows(
    statement: str, values: Mapping[str, Any] | Sequence[Any], *, keep: bool = True
) -> list[tuple[Any, ...]]:
    """All that the statement finds. With `keep` its plan is kept on this connection, for a minute at most.

    Behind a pooler, whose sessions are nobody's, it is planned anew each time.
    """
    with _cursor() if keep else connection.cursor() as own:
        own.execute(statement, values)
        found: list[tuple[Any, ...]] = own.fetchall()
        return found


def is_without_jit() -> bool:
    """Whether this connection's session compiles no statement: it is told so once, outside of any transaction.

    Behind a pooler, whose sessions are nobody's, it is False: then a transaction says so for itself.
    """
    connection.ensure_connection()
    raw = connection.connection
    if not hasattr(raw, _UNCOMPILED):
        if connection.in_atomic_block or _prepares_nothing():
            return False
        raw.execute("SET jit = off")
        setattr(raw, _UNCOMPILED, True)
    return True


@contextmanager
def _cursor() -> Iterator[Any]:
    with connection.cursor() as usual:
        if _prepares_nothing():
            yield usual
            return
        _forget_old_plans()
        wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
        own = wrap(_Prepared(connection.connection))  # type: ignore[arg-type]  # the stubs take a wrapper's cursor for a wrapper
        with closing(own):
            yield own


def is_pooled(raw: psycopg.Connection[Any]) -> bool:
    """Whether another process answers than the one that the connection was told of: no session is one's own then."""
    with raw.cursor() as asking:
        answers = asking.execute("SELECT pg_backend_pid()").fetchone()
    return answers is None or answers[0] != raw.info.backend_pid


def _prepares_nothing() -> bool:
    """Asked once for each connection; on one that is nobody else's a statement is prepared at its first use."""
    raw = connection.connection
    known: bool | None = getattr(raw, _KNOWN, None)
    if known is None:
        known = is_pooled(raw)
        if not known:
            raw.prepare_threshold = _ALWAYS
        setattr(raw, _KNOWN, known)
    return known


def _forget_old_plans() -> None:
    raw, now = connection.connection, time.monotonic()
    if now - getattr(raw, _SINCE, now) > SECONDS_KEPT:
        raw.execute("DISCARD PLANS")
        delattr(raw, _SINCE)
    if not hasattr(raw, _SINCE):
        setattr(raw, _SINCE, now)
