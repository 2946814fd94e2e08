"""Groups of statuses by what is true of a delivery in them: the one place that says which belong together."""

from deliveries.models import Status

S = Status

# Its settings may change: nobody has confirmed it yet.
EDITABLE = frozenset({S.DRAFT, S.PREPARATION_FAILED, S.AWAITING_APPROVAL, S.READY})
# There is nothing sealed yet that somebody could decide on.
UNPREPARED = frozenset({S.DRAFT, S.PREPARATION_FAILED})
# Something must be corrected before it can be prepared.
COULD_NOT_BE_PREPARED = frozenset({S.PREPARATION_FAILED})
# What was prepared waits for the decisions of people, who may still say no.
UNDECIDED = frozenset({S.AWAITING_APPROVAL, S.READY})
# Its target is being counted and its messages made ready.
BEING_PREPARED = frozenset({S.PREPARING})
# Not confirmed or activated, and not over.
UNCONFIRMED = EDITABLE | BEING_PREPARED
# Confirmed and not over: what a stop of all sending holds back.
RELEASED = frozenset({S.SCHEDULED, S.SENDING, S.PAUSED})
# It waits for its time, or is being sent; nobody paused it.
LEAVING = frozenset({S.SCHEDULED, S.SENDING})
# Its first message may have left, and the rest may still leave.
UNDER_WAY = frozenset({S.SENDING, S.PAUSED})
# All of its messages were processed, or all of its runs.
COMPLETED = frozenset({S.FINISHED})
# It ended before all messages had left; the rest never leaves.
CUT_SHORT = frozenset({S.STOPPED, S.FAILED})
# Its first message may have left: the figures of the send say more than those of the preparation.
BEGUN = UNDER_WAY | CUT_SHORT | COMPLETED
# Its moments are those that were confirmed, and move no more by a new preparation.
FIXED = RELEASED | BEGUN
# A message whose outcome is unknown may be sent again, unless its validity period is over.
REPEATABLE = UNDER_WAY | COMPLETED
# It is over; nothing leaves any more.
FINAL = frozenset({S.FINISHED, S.STOPPED, S.FAILED, S.EXPIRED})
# A recurring delivery whose runs somebody has agreed to.
ACTIVATED = frozenset({S.ACTIVE, S.SUSPENDED})
# Its runs are made as their moments come.
RUNNING_SERIES = frozenset({S.ACTIVE})
# Prepared, with no message sent: there is time to raise a limit that is too low.
FORESEEN = UNDECIDED | {S.ACTIVE, S.SCHEDULED}
# Somebody paused it, and somebody has to resume it.
AT_REST = frozenset({S.PAUSED, S.SUSPENDED})
# Its page changes by itself.
MOVING = LEAVING | BEING_PREPARED | {S.ACTIVE}
# A colleague's decision changes its page.
AWAITING_PEOPLE = UNDECIDED | AT_REST
# `doctor` explains why it does not move.
LOOKED_AT = RELEASED | BEING_PREPARED
# Its page explains why it does not move, beside its state.
EXPLAINED = UNDER_WAY | BEING_PREPARED
