"""The tick: finds in PostgreSQL what is due or has stopped moving, and handles it.

It finds what has something to do in a handful of statements for any number of deliveries, and waits for no lock. A
few it handles itself; many become a job on a queue of their own, which takes them one by one through the same
functions, and one whose whole ledger must be read has a job for itself. What is locked is left to the next tick.

It may run twice at once, late, or on any host. It starts nothing that is not due, and everything it does is a step
of the life cycle or a wake-up that may be lost.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable
from redis.exceptions import RedisError

from campaign.lib import clock
from campaign.lib.jobs import JobRef, Queue
from deliveries import lifecycle, queues
from deliveries.ledger import ending, recovery
from deliveries.lifecycle import Step, groups, notices
from deliveries.models import Delivery
from deliveries.preparation import verbs as preparation
from deliveries.sending import fence, gate, looks, rate, waking, wave_gate
from deliveries.sending.looks import Due, Found
from deliveries.tick import runs

logger = logging.getLogger(__name__)

IN_PASSING = 3  # deliveries that a tick sees to itself
SECONDS_IN_PASSING = 0.5  # and for how long, where nobody takes the job
SECONDS_A_JOB = 60.0
BEGUN_AT_ONCE = 50
LOCK_MS, LOCK_MS_OF_A_JOB = 10, 250


class Errand(NamedTuple):
    """One delivery, and what is to be done about it."""

    delivery_id: int
    do: Callable[[int], object]
    locks_itself: bool = False  # and leaves what somebody else has locked


_was_calm = False  # the tick before, in this process, found nothing to do and no lane to wake


def tick() -> None:
    """Find everything that is due or stopped moving, and handle it or enqueue a job for it."""
    global _was_calm
    is_calm, _was_calm = _was_calm, False
    at = clock.now()
    for preparation_id in preparation.waiting(at):
        _ask(queues.PREPARE, job_id=f"prepare-{preparation_id}", preparation_id=preparation_id)
    may_send = fence.passes()
    found = _due(at, is_calm=is_calm)
    errands = _errands(at, found, may_send=may_send, is_calm=is_calm)
    _share_out(errands)
    if may_send:
        for one in found:
            if one.is_long:
                _ask_for_long(one)
        is_moving = _wake_lanes(at, found, is_calm=is_calm)
        if notices.to_mail(at).exists():
            _ask(queues.NOTICES, job_id="notices")
        _was_calm = not (found or errands or is_moving)


def take_steps() -> None:
    """Handle everything that is due, one delivery after the other; what is locked or fails is left."""
    at = clock.now()
    may_send = fence.passes()
    found = _due(at)
    if may_send and _begin_many([one.delivery_id for one in found if one.due == Due.BEGIN]):
        found = _due(at)
    _see_to(_errands(at, found, may_send=may_send), seconds=SECONDS_A_JOB, lock_ms=LOCK_MS_OF_A_JOB)
    if may_send:
        _wake_lanes(clock.now(), found)


def see_to_large(delivery_id: int) -> None:
    """Handle a delivery whose whole ledger may have to be read, in a job that has the time."""
    if not fence.passes():
        return
    status = Delivery.objects.values_list("status", flat=True).filter(pk=delivery_id).first()
    if status in groups.UNDER_WAY:
        _move_on(delivery_id)
    elif status in groups.CUT_SHORT:
        _end_the_stopped(delivery_id)


# -- what there is to do ----------------------------------------------------------------------------------


def _errands(at: datetime, found: Iterable[Found], *, may_send: bool, is_calm: bool = False) -> list[Errand]:
    """Return what is due, in the order in which it is handled; without what takes long."""
    if not may_send:
        return _of_released(one for one in found if one.due == Due.UNCONFIRMED)
    return [
        *(Errand(pk, runs.see_to(due)) for due, pk in runs.due(at, is_calm=is_calm)),
        *_of_released(found),
    ]


def _of_released(found: Iterable[Found]) -> list[Errand]:
    """Return one errand for each delivery, whatever it is due for; those that begin come first."""
    errands: dict[int, Errand] = {}
    for one in sorted(found, key=lambda one: one.due != Due.BEGIN):
        if not one.is_long and one.due != Due.SOON:
            begins = one.due == Due.BEGIN
            errands.setdefault(one.delivery_id, Errand(one.delivery_id, _step_of(one), locks_itself=begins))
    return list(errands.values())


def _step_of(one: Found) -> Callable[[int], object]:
    steps: dict[Due, Callable[[int], object]] = {
        Due.UNCONFIRMED: _expire, Due.BEGIN: gate.begin_if_free, Due.REOPEN: gate.reopen, Due.STOPPED: _end_the_stopped,
    }  # fmt: skip
    return steps.get(one.due, _keep_in_motion if one.is_large else _move_on)


@transaction.atomic
def _expire(delivery_id: int) -> None:
    """Expire a dated delivery that nobody confirmed until its validity period was over."""
    delivery = Delivery.objects.locked(delivery_id)
    if delivery.status in groups.UNDECIDED:
        at = delivery.ended_at = clock.now()
        delivery.save(update_fields=["ended_at"])
        lifecycle.move(delivery, Step.EXPIRE, by=None, at=at)


def _keep_in_motion(delivery_id: int) -> None:
    recovery.reclaim(delivery_id)
    wave_gate.judge(delivery_id)
    wave_gate.note_lateness(delivery_id)


def _move_on(delivery_id: int) -> None:
    recovery.reclaim(delivery_id)
    ending.expire_overdue(delivery_id)
    wave_gate.judge(delivery_id)
    wave_gate.note_lateness(delivery_id)
    gate.finish_if_over(delivery_id)


def _end_the_stopped(delivery_id: int) -> None:
    recovery.reclaim(delivery_id)
    ending.cancel_rest(delivery_id)


def _due(at: datetime, *, is_calm: bool = False) -> list[Found]:
    """Return what is due, without finished deliveries whose books were counted a moment ago and did not balance."""
    found = looks.due(at, ahead=gate.AHEAD, is_calm=is_calm)
    rest = gate.found_off([one.delivery_id for one in found if one.due == Due.OVER])
    return [one for one in found if one.due != Due.OVER or one.delivery_id not in rest]


# -- who does it ------------------------------------------------------------------------------------------


def _share_out(errands: list[Errand]) -> None:
    """Run a few errands here and enqueue many as a job; where such a job waits already, run some here too."""
    if len(errands) <= IN_PASSING or not _ask(queues.STEPS, job_id="steps"):
        _see_to(errands, seconds=SECONDS_IN_PASSING, lock_ms=LOCK_MS)


def _see_to(errands: Iterable[Errand], *, seconds: float, lock_ms: int) -> None:
    until, asked = time.monotonic() + seconds, time.monotonic()
    for errand in errands:
        now = time.monotonic()
        if now > until:
            return
        if now > asked + fence.BEAT_SECONDS:
            if not fence.passes():
                return
            asked = now
        _one(errand, lock_ms=lock_ms)


def _one(errand: Errand, *, lock_ms: int) -> None:
    """Run one errand. An error in it keeps no other from running; the next tick tries it again."""
    try:
        if errand.locks_itself:
            errand.do(errand.delivery_id)
            return
        with transaction.atomic():
            if _is_free(errand.delivery_id, lock_ms=lock_ms):
                errand.do(errand.delivery_id)
    except InterfaceError:  # the database is away, for all of them
        raise
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return
        if not connection.is_usable():
            raise
        logger.exception("the tick could not see to delivery %s", errand.delivery_id)
    except Exception:
        logger.exception("the tick could not see to delivery %s", errand.delivery_id)


def _begin_many(delivery_ids: list[int]) -> int:
    """Begin them in batches, as many may be due in the same second; return how many are Sending now.

    A batch with an error is left: the errands find its deliveries one by one.
    """
    begun = 0
    for start in range(0, len(delivery_ids), BEGUN_AT_ONCE):
        batch = delivery_ids[start : start + BEGUN_AT_ONCE]
        try:
            begun += gate.begin_many(batch)
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logger.exception("of these deliveries one can't begin: %s", batch)
    return begun


def _is_free(delivery_id: int, *, lock_ms: int) -> bool:
    """Lock the delivery's row until the end of the transaction if it is free; no later lock is waited for long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true) FROM deliveries_delivery WHERE id = %s"
            " FOR NO KEY UPDATE SKIP LOCKED",
            [f"{lock_ms}ms", delivery_id],
        )
        return cursor.fetchone() is not None


def _ask_for_long(one: Found) -> None:
    """Enqueue a job for one delivery; where such a job waits and nobody took it, one for the workers that send."""
    job_id = f"see-to-{one.delivery_id}"
    if not _ask(queues.LARGE, job_id=job_id, delivery_id=one.delivery_id):
        _ask(queues.LARGE, job_id=f"{job_id}-too", on=Queue.SEND, delivery_id=one.delivery_id)


def _wake_lanes(at: datetime, found: Iterable[Found], *, is_calm: bool = False) -> bool:
    """Ask for lanes of what may leave; return whether any lane is wanted, or something begins within seconds."""
    released = [one.delivery_id for one in found if one.due in {Due.BEGIN, Due.SOON}]
    if not released and not looks.is_anything_sent():
        return False
    woken = waking.wake_all(at, released=released, is_calm=is_calm)
    whose = rate.to_note(woken, at=at)
    if len(whose) <= IN_PASSING:
        rate.note_all(whose, at=at)
    else:
        _ask(queues.PACE, job_id="pace", delivery_ids=sorted(whose))
    return bool(released or woken)


def _ask(job: JobRef, *, job_id: str, on: Queue | None = None, **kwargs: Any) -> bool:
    """Enqueue the job. Return False where it waits already, or where the queue is away: the next tick tries again."""
    try:
        return job.enqueue_now(job_id=job_id, on=on, **kwargs) is not None
    except RedisError as error:
        logger.warning("the queue is away, the next tick will try again: %s", error)
        return False
