"""The gate: what may leave, by the database's clock and under its seal, and when a send is over."""

import logging
import math
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_
from redis.exceptions import RedisError

from campaign.lib import clock
from campaign.lib.jobs import Queue, workers_alive
from campaign.lib.refusals import Refusal
from deliveries import lifecycle, queues, routes, seal, signing, turning
from deliveries.channels.dkim import UnusableKey
from deliveries.lifecycle import Step
from deliveries.models import Delivery, Halt, LogLine, Status
from deliveries.rendering import sealed_renderer
from deliveries.sending import doors, fence, recovery, throttle

logger = logging.getLogger(__name__)

AHEAD = timedelta(seconds=5)  # lanes are woken so long before the date, connect, and wait at the gate
LOOK = 0.05  # seconds between two looks at the gate

now = clock.now
T = TypeVar("T")


class SendingHalted(Refusal):
    message = _(
        "%(by)s stopped all sending of “%(unit)s” (%(reason)s): nothing is released until somebody allows it with "
        "“Allow sending again” (allow_sending)."
    )
    code = "halted"


def require_open(delivery: Delivery) -> None:
    """Raise why nothing may leave at all: all sending is stopped, or this is a copy that nobody has adopted."""
    require_no_halt(delivery)
    fence.require()


def require_no_halt(delivery: Delivery) -> None:
    """Raise SendingHalted while all sending is stopped: nobody's click releases what another's would let out."""
    halt = Halt.objects.covering(delivery.unit).select_related("by", "unit").first()
    if halt is not None:
        raise SendingHalted(by=halt.by, unit=halt.unit, reason=halt.reason)


@transaction.atomic
def begin(delivery_id: int) -> bool:
    """A confirmed delivery whose time is reached is Sending. True if it is now, whoever took the step."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status != Status.SCHEDULED:
        return delivery.status == Status.SENDING
    at = now()
    if (due := due_at(delivery)) is not None and due > at:
        return False
    if Halt.objects.covering(delivery.unit).exists() or fence.problem() is not None:
        return False
    if delivery.execution_of_id is not None and (reason := turning.hinders(delivery, at=at)) is not None:
        if reason:
            turning.leave_out(delivery, reason, at=at)
        return False
    if delivery.started_at is None:
        delivery.started_at = at
        delivery.save(update_fields=["started_at"])
    lifecycle.move(delivery, Step.BEGIN, by=None, at=at)
    _log(delivery, at, n_("Sending begins"))
    return True


def due_at(delivery: Delivery) -> datetime | None:
    """When the first of a confirmed delivery may leave: at its date or first moment, or when its grace delay
    is over; None: at once."""
    if delivery.has_moments:
        return delivery.first_moment
    if delivery.contact_date is not None:
        return delivery.contact_date
    confirmation = delivery.confirmations.filter(taken_back_at=None).only("leaves_at").first()
    return confirmation.leaves_at if confirmation else None


def wait_for(delivery_id: int) -> bool:
    """Wait at the gate until the delivery's time is reached; False if it must not send, or not soon."""
    until = time.monotonic() + AHEAD.total_seconds() * 2
    while time.monotonic() < until:
        delivery = Delivery.objects.filter(pk=delivery_id).first()
        if delivery is None or delivery.status not in {Status.SCHEDULED, Status.SENDING}:
            return False
        if begin(delivery_id):
            return True
        due = due_at(delivery)
        if due is None or due > now() + AHEAD:
            return False
        time.sleep(LOOK)
    return False


def plan(delivery_id: int, make: Callable[..., T]) -> T | None:
    """What a lane needs, if what is prepared is what was confirmed and its route is open; else None."""
    delivery = Delivery.objects.select_related("preparation", "route", "unit", "audience", "content").get(
        pk=delivery_id
    )
    if delivery.status not in {Status.SCHEDULED, Status.SENDING}:
        return None
    if Halt.objects.covering(delivery.unit).exists() or not fence.passes(beat=True):
        return None
    if not _is_as_confirmed(delivery):
        fail(delivery_id, because=n_("What is prepared is not what was confirmed."))
        return None
    route = routes.route_of(delivery)
    at = now()
    if route.closed_until is not None and route.closed_until > at:
        return None
    try:
        sign = signing.signer_of(route)
    except UnusableKey as problem:
        # Nothing leaves unsigned.
        routes.open_breaker(route.pk, because=f"{routes.UNSIGNED}: {problem}", at=at)
        return None
    return make(
        delivery_id=delivery.pk,
        route_id=route.pk,
        relay=routes.relay_of(route),
        connections=route.connections,
        renderer=sealed_renderer(delivery),
        valid_for=_valid_for(delivery, at),
        sign=sign,
        limits=throttle.limits_of(delivery),
        deliveries=Delivery.objects.filter(routes.leaves_by(route), status=Status.SENDING).count(),
    )


def _valid_for(delivery: Delivery, at: datetime) -> list[tuple[int, float]]:
    """Up to which message how many seconds are left of the validity period, moment by moment."""
    hours = timedelta(hours=delivery.validity_hours)
    started = delivery.started_at or at
    last = [(2**31, ((delivery.valid_until or at + hours) - at).total_seconds())]
    if not delivery.has_moments:
        return last
    rows = delivery.moments.order_by("seq_to").values_list("seq_to", "not_before")
    return [
        *((seq_to, (max(started, gate or started) + hours - at).total_seconds()) for seq_to, gate in rows),
        *last,
    ]


def _is_as_confirmed(delivery: Delivery) -> bool:
    """The confirmation names the seal, the seal fits the manifest, the manifest fits content and chunks."""
    prepared = delivery.latest_preparation()
    confirmed = delivery.confirmations.filter(
        taken_back_at=None, preparation=prepared, seal=prepared.seal
    ).exists()
    return (
        confirmed
        and prepared.seal == seal.fingerprint(prepared.manifest)
        and prepared.manifest["compiled"] == seal.fingerprint(prepared.compiled)
        and prepared.manifest["chunks"] == recovery.chunk_digests(delivery.pk)
    )


@transaction.atomic
def fail(delivery_id: int, *, because: str) -> None:
    """Something that was sealed is not as it was sealed: nothing more leaves."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status not in Step.FAIL.sources:
        return
    at = now()
    _log(delivery, at, because, level=LogLine.Level.ERROR)
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.FAIL, by=None, at=at, comment=because)


def after_lane(delivery_id: int, *, wakes_others: bool = True) -> None:
    """A lane let go: finish if that was the last of it, or ask for the next lane without waiting for a tick.

    One that let go for want of tokens leaves that to the tick: another would have none either.
    """
    if not finish_if_over(delivery_id) and wakes_others:
        wake_lanes(delivery_id)


@transaction.atomic
def finish_if_over(delivery_id: int) -> bool:
    """Finished, if nothing is open and the independent counts agree."""
    delivery = Delivery.objects.select_related("preparation").get(pk=delivery_id)
    if delivery.status != Status.SENDING or any(recovery.open_ends(delivery).values()):
        return delivery.status != Status.SENDING
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status != Status.SENDING or any(recovery.open_ends(delivery).values()):
        return delivery.status != Status.SENDING
    doors.note_lateness(delivery_id)
    off = recovery.imbalance(delivery)
    if off:
        logger.error("delivery %s can't finish, its books don't balance: %s", delivery_id, off)
        return True
    at = now()
    unknown = sum(delivery.chunks.values_list("in_doubt", flat=True))
    delivery.ended_at = at
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.FINISH, by=None, at=at, in_doubt=unknown)
    _log(delivery, at, n_("Sending finished"))
    return True


@transaction.atomic
def reopen(
    delivery_id: int, *, because: str = n_("A late answer of the relay asks for another try: sending goes on")
) -> None:
    """A doubt of a finished delivery became a later try, by a late answer or a person: sending goes on."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status not in Step.REOPEN.sources:
        return
    at = now()
    delivery.ended_at = None
    delivery.save(update_fields=["ended_at"])
    lifecycle.move(delivery, Step.REOPEN, by=None, at=at)
    _log(delivery, at, because)


def wake_lanes(delivery_id: int) -> None:
    """Ask for as many lanes as may run and have something to do. Live leases, in PostgreSQL, cap them."""
    delivery = Delivery.objects.select_related("unit", "route").get(pk=delivery_id)
    if Halt.objects.covering(delivery.unit).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                (SELECT count(*) FROM deliveries_chunk WHERE delivery_id = %(d)s AND NOT done
                    AND lease_until IS NULL AND handed_upto < seq_to
                    AND (not_before IS NULL OR not_before <= sinete_clock() + make_interval(secs => %(ahead)s))
                    AND (moment IS NULL
                        OR deliveries_may_leave(delivery_id, moment, make_interval(secs => %(ahead)s)))),
                (SELECT count(*) FROM (SELECT 1 FROM deliveries_try WHERE delivery_id = %(d)s AND NOT handed
                    AND due_at <= sinete_clock() LIMIT 1) due),
                (SELECT count(*) FROM (
                    SELECT lease_by FROM deliveries_chunk
                    WHERE delivery_id = %(d)s AND NOT done AND lease_until > sinete_clock()
                    UNION SELECT lease_by FROM deliveries_try
                    WHERE delivery_id = %(d)s AND handed AND lease_until > sinete_clock()
                ) lanes)
            """,
            {"d": delivery_id, "ahead": AHEAD.total_seconds()},
        )
        chunks, tries, lanes = cursor.fetchone()
    if chunks + tries:
        _wake_so_many(delivery_id, min(chunks + tries, _lanes_at_most(delivery) - lanes))


def _lanes_at_most(delivery: Delivery) -> int:
    """No more than its limits keep busy, and none while the next token is far: workers are for those who send."""
    buckets = throttle.buckets_of(delivery)
    if throttle.seconds_until_one(buckets) > AHEAD.total_seconds():
        return 0
    return min([_share_of_workers(delivery.pk), *(math.ceil(bucket.rate) for bucket in buckets)])


def _share_of_workers(delivery_id: int) -> int:
    """As many lanes as are set; where other deliveries leave too, no more than its part of the workers, and one."""
    most = settings.SINETE["lanes"]
    if most == 1:
        return most
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT delivery_id FROM deliveries_chunk"
            " WHERE NOT done AND lease_until > sinete_clock() AND delivery_id <> %s",
            [delivery_id],
        )
        rivals = {row[0] for row in cursor.fetchall()} | _waiting_for_workers(delivery_id)
    if not rivals:
        return most
    alive = workers_alive(Queue.SEND) or most
    return max(1, min(most, alive // (len(rivals) + 1)))


def others_wait(delivery_id: int) -> bool:
    """Whether a lane of another delivery waits for a worker."""
    return bool(_waiting_for_workers(delivery_id))


def _waiting_for_workers(delivery_id: int) -> set[int]:
    """The other deliveries whose lanes wait in the queue; nobody where the queue is away."""
    try:
        waiting = {job_id.split("-")[1] for job_id in queues.SEND.waiting_ids() if job_id.startswith("send-")}
    except RedisError:
        return set()
    return {int(each) for each in waiting if each.isdecimal()} - {delivery_id}


def _wake_so_many(delivery_id: int, wanted: int) -> None:
    """Bring the lanes that wait in the queue up to a number; a hint, so a race only wakes one too many."""
    if wanted <= 0:
        return
    prefix = f"send-{delivery_id}-"
    try:
        for _number in range(wanted - queues.SEND.waiting(prefix=prefix)):
            queues.SEND.enqueue_now(job_id=f"{prefix}{uuid.uuid4().hex[:12]}", delivery_id=delivery_id)
    except RedisError as error:
        logger.warning("the queue is away, the next tick will try again: %s", error)


def note_unsure(delivery_id: int, seqs: list[int]) -> None:
    """It stands in the delivery's log which stored results may rest on another message's answer."""
    delivery = Delivery.objects.select_related("preparation").get(pk=delivery_id)
    text = n_(
        "The relay answered more than it was asked; perhaps these messages have another's result: %(seqs)s"
    )
    named = ", ".join(map(str, sorted(set(seqs))))
    _log(delivery, now(), text, level=LogLine.Level.WARNING, seqs=named)


def _log(
    delivery: Delivery, at: datetime, text: str, *, level: str = LogLine.Level.INFO, **slots: Any
) -> None:
    LogLine.objects.create(
        delivery=delivery, preparation=delivery.preparation, at=at, level=level, text=text, slots=slots
    )
