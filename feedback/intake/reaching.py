"""Messages that reached an address after an error: the soft errors before them count no more.

A message has reached its address as long as it is *sent* and nothing came back. Bounces it a week later, then what was
forgotten for it counts again, unless another message arrived as well.
"""

from collections.abc import Mapping

from django.db import transaction

from audiences.quarantine import error_counts
from campaign.lib import clock
from deliveries.models import MessageStatus as S

# By the index of profiles on their address and that of messages on their profile. Of what was sent again nobody knows
# which hand-over a report was of, so it proves nothing.
_REACHED = f"""
    SELECT 'message ' || m.delivery_id || '/' || m.seq AS reference
    FROM audiences_profile p JOIN deliveries_message m ON m.profile_id = p.id
    WHERE p.email_key = o.address_key AND m.address_key = o.address_key AND m.status = {S.SENT} AND m.at > o.at
        AND NOT EXISTS (SELECT 1 FROM deliveries_sentagain a WHERE a.delivery_id = m.delivery_id AND a.seq = m.seq)
    ORDER BY m.delivery_id, m.seq LIMIT 1
"""


def forgive_all() -> int:
    """Soft errors count no more where a message has arrived since; returns of how many addresses. For each night."""
    return sum(map(_forgive, error_counts.erroneous()))


@transaction.atomic
def _forgive(keys: list[str]) -> int:
    forgiven = error_counts.forgive(keys, reached=_REACHED)
    error_counts.stand(forgiven, at=clock.now())
    return len(forgiven)


def take_back(delivery_id: int, bounced: Mapping[int, str]) -> set[str]:
    """These messages, the key of each address by seq, reached nobody after all; in its caller's transaction.

    Returns the addresses that stand otherwise for it; the caller has them stand anew.
    """
    if not bounced:
        return set()
    again = error_counts.unforgive([(key, f"message {delivery_id}/{seq}") for seq, key in bounced.items()])
    if again:
        error_counts.forgive(again, reached=_REACHED)
    return again
