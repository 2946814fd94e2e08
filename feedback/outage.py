"""Whether the database can be reached from here. Links work without it; asking each time would hold readers up."""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections

logger = logging.getLogger(__name__)

SECONDS_BEFORE_ASKING_AGAIN = 5.0
SECONDS_AT_MOST = 2.0  # no reader waits longer for an answer of the database
_LOOK = 0.25
# What a server says that takes nobody, as against one that answers and refuses a statement.
_TAKES_NOBODY = ("08", "57P", "53300")

_lock = threading.Lock()
# Apart, as a table that a migration holds keeps from recording and not from leading on.
_away_until = {"reading": 0.0, "recording": 0.0}


class Away(Exception):
    """The database does not answer."""


class NotDone(Away):
    """The database answers, and did not do what it was asked: it is read-only, full, or there is a fault of ours."""


class Way(Protocol):
    """What leads to the database: Django's connection of this thread, or a line of one's own."""

    connection: psycopg.Connection[Any] | None

    def close(self) -> None: ...


@contextmanager
def reach(
    what: str = "reading", *, seconds: float = SECONDS_AT_MOST, by: Way | None = None
) -> Iterator[None]:
    """Raise Away where the database doesn't answer, and NotDone where it refuses, `seconds` after the call at most.

    Once it didn't answer, Away is raised at once for SECONDS_BEFORE_ASKING_AGAIN; then one caller asks again.
    It is asked by this thread's connection of Django's, unless another way is named.
    """
    _ask(what)
    way: Way = by or connections[DEFAULT_DB_ALIAS]
    away: list[str] = []
    try:
        with _deadlines.over(way, seconds) as deadline:
            yield
    except Error as error:
        if not _is_away(error):
            logger.warning("the database did not do what it was asked: %s", error)
            raise NotDone from error
        away = [what] if what == "recording" and deadline.is_over else list(_away_until)
        logger.warning("the database is away: %s", error)
        _let_go(way)
        raise Away from error
    finally:
        _remember(what, away)


def forget() -> None:
    """Ask the database again at the next hit."""
    _away_until.update(dict.fromkeys(_away_until, 0.0))


def _ask(what: str) -> None:
    """Raise Away while the database is known to be away; of many who ask later one finds out for all."""
    with _lock:
        now = time.monotonic()
        if now < _away_until[what]:
            raise Away
        if _away_until[what]:
            _away_until[what] = now + SECONDS_AT_MOST


def _remember(what: str, away: list[str]) -> None:
    with _lock:
        _away_until[what] = 0.0
        _away_until.update(dict.fromkeys(away, time.monotonic() + SECONDS_BEFORE_ASKING_AGAIN))


def _is_away(error: Error) -> bool:
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "sqlstate", None)
    return code is None or code.startswith(_TAKES_NOBODY)


def _let_go(way: Way) -> None:
    try:
        way.close()
    except Error:
        logger.debug("the broken connection could not be closed")


@dataclass
class _Deadline:
    until: float
    way: Way
    is_over: bool = False


class _Deadlines:
    """Closes the socket of a connection whose answer is overdue: a lock, a full disk or silence holds up no reader."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_thread: dict[int, _Deadline] = {}
        self._wanted = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextmanager
    def over(self, way: Way, seconds: float) -> Iterator[_Deadline]:
        deadline = _Deadline(time.monotonic() + seconds, way)
        with self._lock:
            self._by_thread[threading.get_ident()] = deadline
            self._watch()
        try:
            yield deadline
        finally:
            with self._lock:
                self._by_thread.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        if self._watcher is None or not self._watcher.is_alive():  # as after a fork
            self._watcher = threading.Thread(target=self._look, name="deadlines of readers", daemon=True)
            self._watcher.start()
        if not self._wanted.is_set():
            self._wanted.set()

    def _look(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(_LOOK)
            with self._lock:
                if not self._by_thread:
                    self._wanted.clear()
                for deadline in self._by_thread.values():
                    if deadline.until < time.monotonic():
                        deadline.is_over = True
                        # At each look: it may have been connecting, and a connection be there only since.
                        _cut(deadline.way)


def _cut(way: Way) -> None:
    """Whoever waits for an answer on this connection waits no longer."""
    found = way.connection
    if found is None:
        return
    with suppress(OSError, psycopg.Error):
        copy = socket.socket(fileno=os.dup(found.pgconn.socket))
        try:
            copy.shutdown(socket.SHUT_RDWR)
        finally:
            copy.close()


_deadlines = _Deadlines()
