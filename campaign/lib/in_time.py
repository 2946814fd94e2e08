"""Questions to the database that may take so long and no longer."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction


class TooSlow(Exception):
    """The database was told to give up."""


@contextmanager
def at_most(milliseconds: int) -> Iterator[None]:
    """What is asked inside is given up after so long, each statement for itself: then TooSlow is raised.

    A transaction around it goes on as if nothing had been asked.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(milliseconds)}")
            yield
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled
            raise
        raise TooSlow from error
