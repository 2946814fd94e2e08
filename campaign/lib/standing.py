"""A row that is read again and again for somebody who waits, over connections that stand.

What comes before and after a statement of Django's (a connection of the pool, a look whether it lives, giving it back)
costs several times what it costs to find a row by its key.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db import connection as usual

from campaign.lib.prepared import is_pooled

SECONDS_KEPT = 60.0  # a plan is made for tables as they were, and another server may have become the database
SECONDS_UNTIL_TOO_LATE = 0.5  # a dead connection says so at once: what took longer had another reason
_CONNECT_SECONDS = 2
_UNFIT = frozenset({"context", "cursor_factory", "pool", "prepare_threshold", "server_side_binding"})


class Line:
    """One connection, opened once it is needed; for one caller at a time."""

    def __init__(self, statement: str) -> None:
        self.connection: psycopg.Connection[Any] | None = None
        self._statement = statement
        self._is_pooled, self._until = False, 0.0

    def row(self, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The first row that the statement finds; None where there is none. Raise Django's database errors.

        Where a connection that stood turns out to be dead, another one is tried.
        """
        began = time.monotonic()
        stood = self.connection is not None and began < self._until
        with usual.wrap_database_errors:
            try:
                return self._row(values, anew=not stood)
            except psycopg.OperationalError:
                self.close()
                if not stood or time.monotonic() - began > SECONDS_UNTIL_TOO_LATE:
                    raise
            return self._row(values, anew=True)

    def close(self) -> None:
        """The next row is read over a new connection."""
        found, self.connection = self.connection, None
        if found is not None:
            with suppress(psycopg.Error):
                found.close()

    def _row(self, values: Sequence[Any], *, anew: bool) -> tuple[Any, ...] | None:
        if anew:
            self._open()
        assert self.connection is not None
        # Behind a pooler, whose sessions are nobody's, it is planned anew each time.
        found = self.connection.execute(self._statement, values, prepare=not self._is_pooled)
        row: tuple[Any, ...] | None = found.fetchone()
        return row

    def _open(self) -> None:
        self.close()
        parameters = usual.get_connection_params()
        own = {name: value for name, value in parameters.items() if name not in _UNFIT}
        own["connect_timeout"] = min(int(own.get("connect_timeout") or _CONNECT_SECONDS), _CONNECT_SECONDS)
        self.connection = psycopg.connect(**own, autocommit=True)
        self._is_pooled = is_pooled(self.connection)
        self._until = time.monotonic() + SECONDS_KEPT


class Lines:
    """The connections of this process for one statement: as many as there were callers at once."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._idle: deque[Line] = deque()

    @contextmanager
    def lent(self) -> Iterator[Line]:
        """A line that nobody else has meanwhile: of those that are idle the one that was used last."""
        try:
            line = self._idle.pop()
        except IndexError:
            line = Line(self._statement)
        try:
            yield line
        finally:
            self._idle.append(line)

    def close(self) -> None:
        """Those that are idle are closed."""
        while self._idle:
            self._idle.pop().close()
