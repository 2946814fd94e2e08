"""Stopping a send for good: how many had been handed over, and how many never will be."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_noop as n_

from accounts.models import User
from deliveries import lifecycle
from deliveries.ledger import barrier, ending
from deliveries.lifecycle import Step, log
from deliveries.models import Delivery
from deliveries.sending.control import receipts
from deliveries.series import eligibility


@dataclass(frozen=True)
class Stopped:
    """The receipt of a stop: how many had been handed over, how many never will be; together all messages.

    Handed over are those about which a server was asked, or may have been.
    """

    left: int
    cancelled: int
    refused: int = 0  # of `left`: refused for a while, and not tried again
    unsent: int = 0  # of `cancelled`: failed before the stop, without any server being asked

    @property
    def remarks(self) -> list[str]:
        """What the two numbers leave out, a sentence each."""
        return [_t(text) % {"n": number} for text, number in self.counted_remarks]

    @property
    def counted_remarks(self) -> list[tuple[str, int]]:
        return [
            (text, number) for text, number in ((_REFUSED, self.refused), (_UNSENT, self.unsent)) if number
        ]


_REFUSED = n_("Of those handed over %(n)s were refused for a while; they are not tried again.")
_UNSENT = n_(
    "Of those that never will be %(n)s had failed before, unsent, as when the validity period was over."
)


def stopping(delivery: Delivery) -> Step:
    """Return the step that ends this delivery for good."""
    return Step.END if delivery.is_recurring else Step.STOP


def stop(*, delivery: Delivery, by: User, at: datetime) -> Stopped:
    """Stop the send for good: rows that were not handed over are cancelled.

    The step commits first, and what is being handed over at that moment is waited for, so that no window follows;
    then one chunk after another is cancelled. If this process ends in between, the tick carries on.
    """
    with transaction.atomic():
        delivery = Delivery.objects.locked(delivery.pk)
        lifecycle.move(delivery, stopping(delivery), by=by, at=at)
        delivery.ended_at = at
        delivery.save(update_fields=["ended_at"])
        if delivery.is_recurring:
            eligibility.end(delivery, at=at)
            log.write(delivery, at, n_("Ended by %(by)s: there are no more runs"), by=str(by))
            return Stopped(left=0, cancelled=0)
    barrier.settle(delivery.pk)
    ending.cancel_rest(delivery.pk)
    receipt = before_stopping(delivery)
    log.write(delivery, at, n_("Stopped by %(by)s: %(left)s had been handed over, %(cancelled)s never will be"),
         by=str(by), left=receipt.left, cancelled=receipt.cancelled)  # fmt: skip
    for text, number in receipt.counted_remarks:
        log.write(delivery, at, text, n=number)
    return receipt


def before_stopping(delivery: Delivery) -> Stopped:
    """Return how many have been handed over, and how many never will be once it is stopped."""
    now = receipts.standing(delivery.pk)
    refused = now.refused + now.waiting_refused
    left = now.left + now.waiting_doubted + refused
    return Stopped(left=left, cancelled=now.total - left, refused=refused, unsent=now.unsent)
