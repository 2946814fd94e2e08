"""How far a delivery came, for the receipts of a stop: how many were tried at a server, how many never.

Read from tallies and from the small tables of later tries. Rows are read only in chunks whose tallies can't tell
what was tried from what was not.
"""

from dataclasses import dataclass

from django.db import connection

from deliveries.models import ANSWERED_ROWS, TALLIES
from deliveries.models import MessageStatus as S

_TALLIES = f"""
    SELECT coalesce(sum(size), 0), coalesce(sum({ANSWERED_ROWS} + in_doubt), 0), coalesce(sum(unsent), 0),
        coalesce(sum(fresh), 0),
        -- What is prepared and not above the mark is in a lane's hands.
        coalesce(sum(size - {" - ".join(TALLIES)} - fresh), 0)
    FROM (
        SELECT *, seq_to - seq_from + 1 AS size,
            CASE WHEN done OR cancelled > 0 THEN 0 ELSE seq_to - handed_upto - CASE WHEN erased = 0 THEN 0 ELSE (
                SELECT count(*)::int FROM deliveries_message m WHERE m.delivery_id = k.delivery_id
                    AND m.seq > k.handed_upto AND m.seq <= k.seq_to AND m.status = {S.ERASED}
            ) END END AS fresh
        FROM deliveries_chunk k WHERE delivery_id = %(delivery)s
    ) c
"""

_TRIES = """
    SELECT count(*) FILTER (WHERE handed), count(*) FILTER (WHERE NOT handed AND may_have_left),
        count(*) FILTER (WHERE NOT handed AND NOT may_have_left AND tries > 0),
        count(*) FILTER (WHERE NOT handed AND NOT may_have_left AND tries = 0)
    FROM (
        SELECT t.handed, t.tries, t.doubted_at IS NOT NULL OR EXISTS (
            SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = t.delivery_id AND a.seq = t.seq
        ) AS may_have_left
        FROM deliveries_try t WHERE t.delivery_id = %(delivery)s
    ) t
"""

# Cancelled rows above the mark were never tried. Of those below it, and of the ignored, only the rows can tell.
_WITHDRAWN = f"""
    SELECT count(*) FROM deliveries_chunk c JOIN deliveries_message m
        ON m.delivery_id = c.delivery_id AND m.seq BETWEEN c.seq_from AND c.seq_to
    WHERE c.delivery_id = %(delivery)s AND (c.ignored + c.erased > 0 OR c.cancelled > c.seq_to - c.handed_upto)
        AND m.status IN ({S.IGNORED}, {S.CANCELLED}, {S.ERASED}) AND m.tries > 0 AND NOT EXISTS (
            SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = m.delivery_id AND a.seq = m.seq
        )
"""

# Sent again, and withdrawn or failed before a server was asked a second time: the first may have arrived.
_ONCE_IN_DOUBT = f"""
    SELECT count(*) FILTER (WHERE m.status = {S.IGNORED}), count(*) FILTER (WHERE m.status = {S.FAILED})
    FROM deliveries_sentagain a JOIN deliveries_message m ON m.delivery_id = a.delivery_id AND m.seq = a.seq
    WHERE a.delivery_id = %(delivery)s AND (m.status = {S.IGNORED} OR m.status = {S.FAILED} AND m.tries = 0)
"""


@dataclass(frozen=True)
class HandedSoFar:
    """All messages of a delivery, each counted once."""

    total: int
    left: int  # a server was asked, or may have been, and did not put it off: accepted, failed, unknown, on the wire
    refused: int  # refused for a while and then cancelled or left out: not asked again
    waiting_refused: int  # refused for a while, to be tried again
    waiting_doubted: int  # may have left, and a person had it sent again
    waiting_untried: int  # taken up, surely not left: queues for its provider, or the relay spoke of us
    fresh: int  # never taken up
    unsent: int  # failed without any server being asked, as when the validity period was over

    @property
    def waiting(self) -> int:
        """How many would leave if nobody stopped it."""
        return self.fresh + self.waiting_refused + self.waiting_doubted + self.waiting_untried


def standing(delivery_id: int) -> HandedSoFar:
    """Return how far the delivery came; exact once nothing more is handed over."""
    slots = {"delivery": delivery_id}
    with connection.cursor() as cursor:
        cursor.execute(_TALLIES, slots)
        total, answered, unsent, fresh, in_hands = cursor.fetchone()
        cursor.execute(_TRIES, slots)
        on_their_way, doubted, refused, untried = cursor.fetchone()
        cursor.execute(_WITHDRAWN, slots)
        (withdrawn,) = cursor.fetchone()
        cursor.execute(_ONCE_IN_DOUBT, slots)
        ignored_again, unsent_again = cursor.fetchone()
    return HandedSoFar(
        total=total,
        left=answered + in_hands + on_their_way + ignored_again + unsent_again,
        refused=withdrawn,
        waiting_refused=refused,
        waiting_doubted=doubted,
        waiting_untried=untried,
        fresh=fresh,
        unsent=unsent - unsent_again,
    )
