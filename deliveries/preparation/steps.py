"""Starting and stopping a preparation, as people and the tick ask for it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop as n_

from accounts.models import User
from deliveries import lifecycle, queues
from deliveries.lifecycle import Step
from deliveries.models import Delivery, LogLine, Preparation, PreparationStatus
from deliveries.preparation import lease
from deliveries.preparation.progress import log


@transaction.atomic
def start(*, delivery: Delivery, by: User, at: datetime) -> Preparation:
    """Move the delivery to Preparing and queue the job of a worker.

    Raise what `lifecycle.check` raises.
    """
    return _begin(delivery, Step.PREPARE, by=by, at=at)


@transaction.atomic
def start_run(*, delivery: Delivery, at: datetime) -> Preparation:
    """Do as `start`, without a person, for a run of a series that somebody activated."""
    return _begin(delivery, Step.PREPARE_RUN, by=None, at=at)


def _begin(delivery: Delivery, step: Step, *, by: User | None, at: datetime) -> Preparation:
    delivery = Delivery.objects.locked(delivery.pk)
    leave = lifecycle.check(delivery, step, by=by)
    last = delivery.preparations.order_by("-number").values_list("number", flat=True).first() or 0
    preparation = Preparation.objects.create(
        delivery=delivery, number=last + 1, started_by=by, started_at=at, content=delivery.content
    )
    delivery.preparation = preparation
    delivery.save(update_fields=["preparation"])
    lifecycle.move(delivery, step, by=by, at=at, leave=leave, preparation=preparation.number)
    queues.PREPARE.enqueue(preparation_id=preparation.pk)
    return preparation


@transaction.atomic
def stop(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Move the delivery back to Editing and cancel the worker's statement; raise what `lifecycle.check` raises."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.move(delivery, Step.STOP_PREPARATION, by=by, at=at)
    preparation = delivery.latest_preparation()
    preparation.status, preparation.ended_at = PreparationStatus.STOPPED, at
    preparation.save(update_fields=["status", "ended_at"])
    log(preparation, n_("Preparation stopped by %(by)s"), level=LogLine.Level.WARNING, by=str(by))
    transaction.on_commit(lambda: lease.cancel_statement(preparation.pk))
    return delivery
