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

logger = logging.getLogger(__name__)

_SPACE = 0x51E8 << 40  # above every id of a delivery, and beside the other users of such locks


def key_of(delivery_id: int) -> int:
    """Return the number of the delivery's advisory lock in PostgreSQL."""
    return _SPACE + delivery_id


def settle(delivery_id: int) -> bool:
    """Return once every exchange that began before has ended; call it after the change was committed.

    Return False where an exchange did not end in time: PostgreSQL ends it by itself (`lane_patience`), and it may
    have handed over one more window. For all other lanes the change holds at once.
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
    """Return how many seconds one exchange may last: the lane ends it then, and PostgreSQL where the lane is gone."""
    return settings.SINETE["lease_seconds"] / 3
