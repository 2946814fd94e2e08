"""Django's migrate, which holds up nobody: it waits for a busy table only for a moment, and says so."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

SECONDS = 5.0  # less than two thirds of a lease, which lanes can wait
BUSY = (
    "A table is busy: its lock was not to be had within %(seconds)g seconds, and whoever waits for a lock holds up all "
    "behind it. Migrations before this one are done, of this one nothing is. Try again, best while little is sent, or "
    "say --lock-seconds."
)


class Command(migrate.Command):
    """Afterwards all migrations are applied, or the one that met a busy table and those behind it are not."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-seconds", type=float, default=SECONDS,
            help="how long to wait for a table that is busy (default: %(default)s); 0: for ever",
        )  # fmt: skip

    def handle(self, *args: Any, lock_seconds: float = SECONDS, **options: Any) -> None:
        with patient(connections[options["database"]], lock_seconds):
            super().handle(*args, **options)


@contextmanager
def patient(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """Let no statement wait for a lock for more than `seconds`, except for an index that is built concurrently.

    Raise CommandError where one would have to.
    """
    _limit(connection, seconds)
    try:
        with connection.execute_wrapper(_unless_concurrent(seconds)):
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise CommandError(BUSY % {"seconds": seconds}) from error
        raise
    finally:
        if connection.connection is not None and not connection.in_atomic_block:
            _limit(connection, 0)


def _unless_concurrent(seconds: float) -> Callable[..., Any]:
    def run(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if " CONCURRENTLY " not in str(sql):
            return execute(sql, params, many, context)
        context["cursor"].cursor.execute("SET lock_timeout = 0")
        try:
            return execute(sql, params, many, context)
        finally:
            context["cursor"].cursor.execute(f"SET lock_timeout = {round(seconds * 1000)}")

    return run


def _limit(connection: BaseDatabaseWrapper, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(seconds * 1000)}")
