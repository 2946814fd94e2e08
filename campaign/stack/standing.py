"""What the tests of one module begin with, made once: each of them finds it as it was made."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

T = TypeVar("T")


@contextmanager
def standing(blocker: DjangoDbBlocker, make: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Make something in a transaction around the module's tests; yield what gives each test its copy of the objects.

    For a fixture with `scope="module"` that also asks for `django_db_setup`. The transaction of a test is a savepoint
    in this one: what the test changes is undone as ever, and at the end of the module everything is. All tests of the
    module that come after the first to ask find the rows, so one that wants an empty database belongs elsewhere; and
    so does one that commits (`transaction=True`, a live server), as nobody but this connection sees them. What waited
    for the commit is dropped, since each test begins with an empty queue.
    """
    with blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
        try:
            made = make()
        except BaseException:
            _end(around)
            raise
        connection.run_on_commit.clear()
    try:
        yield lambda: copy.deepcopy(made)
    finally:
        with blocker.unblock():
            _end(around)


def _end(around: transaction.Atomic) -> None:
    transaction.set_rollback(True)
    around.__exit__(None, None, None)
