"""A lane's use of Django's own connection, which is blocking: now and then, in a thread."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

T = TypeVar("T")


def apart(work: Callable[..., T], *args: Any, **more: Any) -> Awaitable[T]:
    """Do it in a thread, over a connection of Django's that is opened for it and closed after it.

    A lane uses Django's only now and then. One that stood idle for all of its life may be dead without knowing,
    and whoever asks it waits for an answer that never comes; and 200 lanes would keep 200 of them.
    """

    def alone() -> T:
        connection.close()
        try:
            return work(*args, **more)
        finally:
            connection.close()

    return sync_to_async(alone)()
