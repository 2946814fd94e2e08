"""How a lane uses Django's own connection, which blocks: now and then, in a thread."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

T = TypeVar("T")


def apart(work: Callable[..., T], *args: Any, **more: Any) -> Awaitable[T]:
    """Run `work` in a thread, on a connection of Django's that is opened for it and closed after it.

    A lane needs one only now and then. A connection that stays idle for the life of a lane may be dead without
    notice, and a query on it would wait for an answer that never comes; and 200 lanes would keep 200 of them.
    """

    def alone() -> T:
        connection.close()
        try:
            return work(*args, **more)
        finally:
            connection.close()

    return sync_to_async(alone)()
