"""The steps of a message as one table, as `lifecycle/steps.py` is for a delivery.

PostgreSQL holds the same table (migration `message_door`): a trigger refuses a step that it does not know, whatever
code asks, and keeps the tallies of the chunks. The same status with another number of tries is no step, and allowed.
"""

from typing import NamedTuple

from deliveries.models import MessageStatus as S


class MessageStep(NamedTuple):
    """From one status to another; `after_send_again`: only while `SentAgain` has the message."""

    old: S
    new: S
    after_send_again: bool = False


# What a hand-over, its loss or an end may make of a row that waits for its first or a later try.
_RESULTS = (S.SENT, S.FAILED, S.RETRYING, S.IN_DOUBT, S.IGNORED, S.CANCELLED, S.ERASED)

MESSAGE_STEPS = frozenset(
    {
        *(MessageStep(S.PREPARED, new) for new in _RESULTS),
        *(MessageStep(S.RETRYING, new) for new in _RESULTS if new != S.RETRYING),
        # The late result of that very hand-over, evidence, or a person; one that was ignored never left.
        *(MessageStep(S.IN_DOUBT, new) for new in (S.SENT, S.FAILED, S.RETRYING, S.IGNORED)),
        # A report that came back by mail, and the correction of how it was read.
        *(MessageStep(S.SENT, S.BOUNCED), MessageStep(S.IN_DOUBT, S.BOUNCED)),
        *(MessageStep(S.BOUNCED, S.SENT), MessageStep(S.BOUNCED, S.IN_DOUBT)),
        # Evidence that the first hand-over arrived, whatever became of the second.
        *(MessageStep(S.FAILED, S.SENT, True), MessageStep(S.IGNORED, S.SENT, True)),
    }
)
