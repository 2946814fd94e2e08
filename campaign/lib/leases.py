"""A lease on a row, with a token: one worker at a time, and nothing of it hangs on a connection.

The row has a `token` and `lease_until`. Whoever takes the row raises the token, and what they write names it: once
another has taken it they change nothing any more. So it holds through a pooler, a new connection and a failover, and
for a worker that was frozen and comes back. Leases are read by the database's clock.

`unended` counts who took the row and was never heard of again, and whoever has it now. It is raised before any work
begins, since a process that dies can't say so: once too many died of a row it is the row that is to blame.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F, Q, QuerySet

from campaign.lib import clock, jobs

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
BEAT = 5.0  # seconds between two renewals
LOOK = 0.5
MOST_DEATHS = 3
PATIENCE = "2s"  # for a lock on the row: the next beat tries again


def ahead() -> Any:
    """Until when a lease lasts that is taken or renewed now: an expression for an UPDATE."""
    return clock.Reading() + LEASE


def is_free(*, at: datetime | None = None) -> Q:
    """Nobody has the row: it was never taken, or its lease ran out."""
    return Q(lease_until=None) | Q(lease_until__lt=at if at is not None else clock.Reading())


@transaction.atomic
def take(row: QuerySet[Any]) -> int | None:
    """The row is this caller's under the token that is returned; None: another one has it, or it isn't there."""
    unended = F("unended") + (0 if jobs.was_stopped() else 1)
    taken = row.filter(is_free()).update(token=F("token") + 1, lease_until=ahead(), unended=unended)
    return row.values_list("token", flat=True).get() if taken else None


def take_once_free(row: QuerySet[Any]) -> int | None:
    """As `take`, but waits for the end of a lease that nobody renews, since its holder may be dead.

    None as soon as somebody renews it, or the row is not there any more: so it waits for a beat, or a lease at most.
    """
    seen = None
    while (token := take(row)) is None:
        held = row.values_list("token", "lease_until").first()
        if held is None or (seen is not None and held != seen):
            return None
        seen = held
        time.sleep(LOOK)
    return token


def is_deadly(unended: int) -> bool:
    """Whether so many died of the row that whoever has it now must end it instead of trying once more."""
    return unended > MOST_DEATHS


@contextmanager
def heard_of(row: QuerySet[Any], *, token: int) -> Iterator[None]:
    """Whoever leaves the block, be it by an error, has not died: their take of the row counts no more."""
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        with suppress(
            DatabaseError, InterfaceError
        ):  # it is away: that counts as a death, and two more are needed
            row.filter(token=token, unended__gt=0).update(unended=F("unended") - 1)


@contextmanager
def renewed(row: QuerySet[Any], *, token: int) -> Iterator[None]:
    """Inside of the block the lease is renewed on a connection of its own, however long a statement takes."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(row.filter(token=token), over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=LEASE.total_seconds())  # it dies with the process anyway


def _beat(row: QuerySet[Any], over: threading.Event) -> None:
    """Until the block is over, or the row is no longer its holder's."""
    try:
        while not over.wait(BEAT):
            try:
                if not _renew(row):
                    return
            except (DatabaseError, InterfaceError) as error:
                logger.warning("a lease could not be renewed, it is tried again: %s", error)
                connection.close()
    finally:
        connection.close()


@transaction.atomic
def _renew(row: QuerySet[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
    return row.update(lease_until=ahead())
