"""Pausing what leaves, and going on: a delivery, and a series with its runs to come."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop as n_

from accounts.models import User
from deliveries import lifecycle, queues
from deliveries.ledger import barrier
from deliveries.lifecycle import Step, log
from deliveries.models import Delivery
from deliveries.sending import gate


@transaction.atomic
def pause(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Pause the send: no further window is handed over, and what was handed over is finished."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.SUSPEND if delivery.is_recurring else Step.PAUSE, by=by, at=at)
    log.write(delivery, at, n_("Paused by %(by)s"), by=str(by))
    transaction.on_commit(lambda: barrier.settle(delivery.pk))
    return delivery


@transaction.atomic
def resume(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Resume the send at the exact row where it paused."""
    delivery = Delivery.objects.locked(delivery.pk)
    step = Step.CONTINUE if delivery.is_recurring else Step.RESUME
    leave = lifecycle.check(delivery, step, by=by)
    gate.require_open(delivery)
    lifecycle.move(delivery, step, by=by, at=at, leave=leave)
    log.write(delivery, at, n_("Resumed by %(by)s"), by=str(by))
    queues.TICK.enqueue()
    return delivery
