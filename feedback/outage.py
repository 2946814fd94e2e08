"""Whether the database can be reached from here. Links work without it; asking each time would hold readers up."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

SECONDS_BEFORE_ASKING_AGAIN = 5.0
_away_until = 0.0


class Away(Exception):
    """The database does not answer."""


@contextmanager
def reach() -> Iterator[None]:
    """Turn a database that does not answer into Away, and say so at once for the next few seconds."""
    global _away_until
    if time.monotonic() < _away_until:
        raise Away
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database is away: %s", error)
        _away_until = time.monotonic() + SECONDS_BEFORE_ASKING_AGAIN
        _let_go()
        raise Away from error


def forget() -> None:
    """Ask the database again at the next hit."""
    global _away_until
    _away_until = 0.0


def _let_go() -> None:
    try:
        connection.close()
    except Error:
        logger.debug("the broken connection could not be closed")
