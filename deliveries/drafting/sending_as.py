"""The sender of a delivery, chosen from the lists of its unit and those above."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaign.lib.refusals import Refusal
from deliveries.drafting import drafts
from deliveries.models import Content, Delivery, Sender
from deliveries.routing import senders


class SenderElsewhere(Refusal):
    message = _("“%(sender)s” is no sender of “%(unit)s”.")
    code = "sender_elsewhere"


def named(delivery: Delivery, address: str) -> Sender:
    """The sender of the delivery's unit with this address. Raise SenderElsewhere where it has none."""
    wanted = address.strip().casefold()
    found = (each for each in senders.offered(delivery.unit) if each.address.casefold() == wanted)
    if (sender := next(found, None)) is None:
        raise SenderElsewhere(sender=address.strip()[:320], unit=delivery.unit)
    return sender


@transaction.atomic
def send_as(*, delivery: Delivery, sender: Sender, by: User, at: datetime, **parts: str) -> Content:
    """Save a content that comes from the sender, with these parts of it otherwise; the sender's route is taken, too.

    Raise SenderElsewhere for a sender of another unit or a mere domain, and what `drafts.write` raises.
    """
    delivery = drafts.editable(delivery, by=by)
    if not sender.is_address or sender.unit_id not in delivery.unit.lineage:
        raise SenderElsewhere(sender=sender, unit=delivery.unit)
    if sender.route is not None and delivery.route_id != sender.route_id:
        drafts.edit(delivery=delivery, by=by, at=at, route=sender.route)
    return drafts.write(delivery=delivery, by=by, at=at, **senders.parts(sender) | parts)


def set_sender(*, delivery: Delivery, address: str, by: User, at: datetime) -> Content:
    """Save a content that comes from the unit's sender with this address. Raise SenderElsewhere, as `named` does."""
    return send_as(delivery=delivery, sender=named(delivery, address), by=by, at=at)
