"""How a pause or a stop knows that nothing more is handed over, without a lock on the delivery.

Each exchange of a lane that may hand over takes a share of the delivery's barrier, for its transaction, *before* it
reads whether it still may. Whoever changes that commits first, and then takes the whole barrier once: this waits for
the exchanges that read the old state, and every later exchange reads the new one. The barrier is an advisory lock of
PostgreSQL: 200 lanes write nothing for it, whoever wants the whole is not starved by those who want a share, and it
ends with the transaction, behind a pooler too. Lanes never wait for it: one that can't have its share hands over
nothing this time.
"""

import logging

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable, QueryCanceled

logger = logging.getLogger(__name__)

SILENCE = 0.5  # seconds: between two statements of an exchange a lane that lives needs milliseconds

_SPACE = 0x51E8 << 40  # above every id of a delivery, and beside the other users of such locks


def key_of(delivery_id: int) -> int:
    """Return the number of the delivery's advisory lock in PostgreSQL."""
    return _SPACE + delivery_id


def settle(delivery_id: int) -> bool:
    """Return once every exchange that began before has ended; call it after the change was committed.

    An exchange whose lane says nothing for `SILENCE` seconds is ended, as PostgreSQL would end it later by itself:
    the lane, if it lives, keeps its results and comes back as after any lost connection. Return False where an
    exchange did not end in time (`lane_patience`): it may have handed over one more window. For all other lanes the
    change holds at once.
    """
    if _wait_for_all(delivery_id, SILENCE):
        return True
    ended = _end_silent(delivery_id)
    if _wait_for_all(delivery_id, lane_patience() * 1.2):
        logger.warning("delivery %s: exchanges of lanes that hang, ended: %s", delivery_id, ended)
        return True
    logger.warning("delivery %s: a lane that hangs was not waited for", delivery_id)
    return False


def _wait_for_all(delivery_id: int, seconds: float) -> bool:
    """Return whether all exchanges ended within this time."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(1000 * seconds)}ms"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key_of(delivery_id)])
    except OperationalError as error:
        if not isinstance(
            error.__cause__, LockNotAvailable | QueryCanceled
        ):  # a role may have a time of its own
            raise
        return False
    return True


def _end_silent(delivery_id: int) -> int:
    """End the exchanges for whose lanes PostgreSQL waits and has waited for a while; return how many.

    One that works is left alone, and so is one of a role that this one must not end.
    """
    key = key_of(delivery_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a"
            " ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ShareLock' AND l.objsubid = 1"
            " AND l.classid = %s AND l.objid = %s AND l.database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database()) AND a.usename = current_user AND a.wait_event_type = 'Client'"
            " AND a.state_change < clock_timestamp() - make_interval(secs => %s)",
            [key >> 32, key & 0xFFFFFFFF, SILENCE / 2],
        )
        return cursor.fetchone()[0]


def lane_patience() -> float:
    """Return how many seconds one exchange may last: the lane ends it then, and PostgreSQL where the lane is gone."""
    return settings.SINETE["lease_seconds"] / 3
