"""How a pause, a stop or a stop of all sending knows that nothing more is handed over: without a lock on the delivery.

Each exchange of a lane that may hand over takes a share of the delivery's barrier, for its transaction, *before* it
reads whether it still may. Who changes that commits, and then takes the whole barrier once: it waits for the
exchanges that read the old state, and every later one reads the new. It is a lock of PostgreSQL's lock table, so
200 lanes write nothing for it, who wants the whole is never starved by those who want a share, and it ends with the
transaction, behind a pooler too. Lanes never wait for it: one that can't have its share hands over nothing this time.
"""

import logging

from django.conf import settings
from django.db import OperationalError, connection, transaction

logger = logging.getLogger(__name__)

_SPACE = 0x51E8 << 40  # above every id of a delivery, and beside the other users of such locks


def key_of(delivery_id: int) -> int:
    """The number under which PostgreSQL knows the delivery's barrier."""
    return _SPACE + delivery_id


def settle(delivery_id: int) -> bool:
    """Return once every exchange that began before has ended; to be called after the change was committed.

    False where one did not end in time: PostgreSQL ends it by itself (`lane_patience`), and it may have handed over
    one more window. The change holds for all others at once.
    """
    patience = round(1000 * lane_patience() * 1.2)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{patience}ms"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key_of(delivery_id)])
    except OperationalError as error:
        logger.warning("delivery %s: a lane that hangs was not waited for: %s", delivery_id, error)
        return False
    return True


def lane_patience() -> float:
    """Seconds that one exchange of a lane may last: on its side, and on PostgreSQL's where the lane has vanished."""
    return settings.SINETE["lease_seconds"] / 3
