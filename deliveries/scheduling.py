"""The tick: notices, in PostgreSQL, what is due or has stopped moving, and sees to it.

It may run twice at once, late, or on any host. It starts nothing that is not due, and everything it does is
a step of the life cycle or a wake-up that may be lost.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Greatest
from redis.exceptions import RedisError

from campaign.lib import clock
from deliveries import lifecycle, notices, preparation, queues, recurring
from deliveries.lifecycle import Step
from deliveries.models import Confirmation, Delivery, Status, Try
from deliveries.sending import doors, fence, gate, pace, recovery

logger = logging.getLogger(__name__)

UNCONFIRMED = (Status.AWAITING_APPROVAL, Status.READY)


def tick() -> None:
    """Notice everything that is due or stopped moving, and see to it."""
    at = clock.now()
    _expire_unconfirmed(at)
    for preparation_id in preparation.waiting(at):
        _wake(queues.PREPARE, job_id=f"prepare-{preparation_id}", preparation_id=preparation_id)
    if not fence.passes():
        return
    for find, see_to in (
        (recurring.due, recurring.advance),
        (recurring.unsettled, recurring.settle),
        (recurring.to_remind, recurring.remind),
        (recurring.overdue, recurring.expire),
        (_released, _release),
        (_finished_with_tries, gate.reopen),
        (_in_motion, _keep_in_motion),
        (_stopped_half_way, _end_the_stopped),
        (recurring.exhausted, recurring.complete),
    ):
        for delivery_id in find(at):
            _one(see_to, delivery_id)
    if notices.to_mail(at).exists():
        _wake(queues.NOTICES, job_id="notices")


def _one(see_to: Callable[[int], object], delivery_id: int) -> None:
    """What is wrong with one delivery keeps no other from moving; the next tick comes back to it."""
    try:
        see_to(delivery_id)
    except InterfaceError:  # the database is away: it is so for all
        raise
    except Exception:
        logger.exception("the tick could not see to delivery %s", delivery_id)


def _release(delivery_id: int) -> None:
    gate.begin(delivery_id)
    gate.wake_lanes(delivery_id)


def _keep_in_motion(delivery_id: int) -> None:
    recovery.reclaim(delivery_id)
    recovery.expire_overdue(delivery_id)
    doors.judge(delivery_id)
    doors.note_lateness(delivery_id)
    pace.note(delivery_id, at=clock.now())
    if not gate.finish_if_over(delivery_id):
        gate.wake_lanes(delivery_id)


def _end_the_stopped(delivery_id: int) -> None:
    recovery.reclaim(delivery_id)
    recovery.cancel_rest(delivery_id)


def _released(at: datetime) -> list[int]:
    soon = at + gate.AHEAD
    due = Q(contact_date=None, first_moment=None) | Q(contact_date__lte=soon) | Q(first_moment__lte=soon)
    in_grace = Confirmation.objects.filter(
        delivery=OuterRef("pk"), taken_back_at=None, leaves_at__gt=at + gate.AHEAD
    )
    released = Delivery.objects.filter(due, status=Status.SCHEDULED).exclude(Exists(in_grace))
    return list(released.order_by("pk").values_list("pk", flat=True))


def _finished_with_tries(at: datetime) -> list[int]:
    # A lane is long gone by then, so no answer comes later than this.
    just_ended = Delivery.objects.filter(status=Status.FINISHED, ended_at__gt=at - timedelta(days=1))
    tries = Try.objects.filter(delivery=OuterRef("pk"))
    return list(just_ended.filter(Exists(tries)).order_by("pk").values_list("pk", flat=True))


def _in_motion(at: datetime) -> list[int]:
    moving = Delivery.objects.filter(status__in=[Status.SENDING, Status.PAUSED])
    return list(moving.order_by("pk").values_list("pk", flat=True))


def _stopped_half_way(at: datetime) -> list[int]:
    return _ids(
        "SELECT d.id FROM deliveries_delivery d WHERE d.status IN ('stopped', 'failed') AND ("
        " EXISTS (SELECT 1 FROM deliveries_chunk c WHERE c.delivery_id = d.id AND NOT c.done)"
        " OR EXISTS (SELECT 1 FROM deliveries_try t WHERE t.delivery_id = d.id))"
    )


def _ids(statement: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()]


def _expire_unconfirmed(at: datetime) -> None:
    """A dated delivery that nobody confirmed until its validity period was over has expired."""
    candidates = Delivery.objects.filter(status__in=UNCONFIRMED, execution_of=None).annotate(
        last=Greatest("contact_date", "last_moment")
    )
    for pk, date, hours in candidates.filter(last__lt=at).values_list("pk", "last", "validity_hours"):
        if date is not None and date + timedelta(hours=hours) < at:
            _expire(pk, at)


@transaction.atomic
def _expire(delivery_id: int, at: datetime) -> None:
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status in UNCONFIRMED:
        delivery.ended_at = at
        delivery.save(update_fields=["ended_at"])
        lifecycle.move(delivery, Step.EXPIRE, by=None, at=at)


def _wake(job: Any, **kwargs: Any) -> None:
    try:
        job.enqueue_now(**kwargs)
    except RedisError as error:
        logger.warning("the queue is away, the next tick will try again: %s", error)
