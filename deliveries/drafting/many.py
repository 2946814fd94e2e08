"""One step for many deliveries, by the verb that takes it for one: what is refused of one holds up no other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries.drafting import drafts
from deliveries.folders import placing
from deliveries.models import Delivery, Folder

MOST = 100  # at a time


class TooMany(Refusal):
    message = _("At most %(most)s deliveries at a time.")
    code = "too_many"
    exit_code = 2


@dataclass
class Outcome:
    """What was done, to which deliveries, and why not to the others."""

    done: list[Delivery] = field(default_factory=list)
    refused: list[tuple[Delivery, Refusal]] = field(default_factory=list)


def duplicate(*, deliveries: Sequence[Delivery], by: User) -> Outcome:
    """Duplicate each; `done` are the copies. Raise TooMany."""
    return _each(deliveries, lambda one: drafts.duplicate(delivery=one, by=by), by=by, action="duplicate")


def delete(*, deliveries: Sequence[Delivery], by: User) -> Outcome:
    """Delete each that was never released. Raise TooMany."""

    def gone(one: Delivery) -> Delivery:
        drafts.delete(delivery=one, by=by)
        return one

    return _each(deliveries, gone, by=by, action="delete")


def move(*, deliveries: Sequence[Delivery], unit: OrganizationalUnit, by: User, at: datetime) -> Outcome:
    """Move each into the unit; it takes the rule of approval of where it was along. Raise TooMany, and NotAllowed.

    Only deliveries that can be edited move; what was prepared is prepared anew where the seal says so.
    """
    access.require(by, Right.PREPARE, unit)

    def moved(one: Delivery) -> Delivery:
        drafts.edit(delivery=one, by=by, at=at, unit=unit)
        return one

    return _each(deliveries, moved, by=by, action="move")


def place(*, deliveries: Sequence[Delivery], folder: Folder | None, by: User) -> Outcome:
    """Put each into the folder, or into none, whatever its status. Raise TooMany."""
    return _each(
        deliveries, lambda one: placing.place(delivery=one, folder=folder, by=by), by=by, action="place"
    )


def _each(
    deliveries: Sequence[Delivery], step: Callable[[Delivery], Delivery], *, by: User, action: str
) -> Outcome:
    """Take the step for one after the other, each in its own transaction."""
    if len(deliveries) > MOST:
        raise TooMany(most=MOST)
    outcome = Outcome()
    for one in deliveries:
        try:
            outcome.done.append(step(one))
        except Refusal as refusal:
            # The verb's transaction is rolled back by now, so this event stays.
            audit.record_refusal(refusal, by=by, target=one, action=action)
            outcome.refused.append((one, refusal))
    return outcome
