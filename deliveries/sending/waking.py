"""Lanes are asked for where something may leave: which deliveries have their turn, and how many lanes each."""

import logging
import math
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from redis.exceptions import RedisError

from campaign.lib import clock
from campaign.lib.jobs import Queue, valkey, workers_alive
from deliveries import queues
from deliveries.sending import looks, throttle
from deliveries.sending.looks import Ready
from deliveries.sending.throttle import Bucket, Limits

logger = logging.getLogger(__name__)

AHEAD = timedelta(seconds=5)  # lanes are woken so long before the date, connect, and wait at the gate
LANES_THAT_WAIT = 100  # in the queue, and as many more as one delivery may have: so it stays cheap to look at
_LAST_WOKEN = "sinete:lanes:last"

now = clock.now


def wake_lanes(delivery_id: int) -> None:
    """Enqueue as many lanes of this delivery as may run and have something to do."""
    _wake(lambda room: looks.ready(now(), ahead=AHEAD, room=room, only=delivery_id, released=[delivery_id]))


def wake_all(at: datetime, *, released: list[int], is_calm: bool = False) -> list[int]:
    """Enqueue lanes of all deliveries that have something to do; return for which.

    `released` are about to begin. The queue holds a limited number; where more wait, the next tick goes on behind
    the last delivery that had its turn. `is_calm`: as for `looks.due`.
    """
    after = _last_woken()
    woken = _wake(
        lambda room: looks.ready(at, ahead=AHEAD, room=room, after=after, released=released, is_calm=is_calm)
    )
    if woken:
        _note_woken(woken[-1])
    return woken


def _wake(find: Callable[[int], list[Ready]]) -> list[int]:
    """Enqueue the lanes that are wanted, one of each delivery in turn; leases in force cap them."""
    try:
        waiting = _waiting()
        room = LANES_THAT_WAIT + settings.SINETE["lanes"] - waiting.total()
        if room <= 0 or not (found := find(room)):
            return []
        wanted = _wanted(found, waiting)
        rounds = range(max(wanted.values(), default=0))
        turns = [one.delivery_id for turn in rounds for one in found if wanted[one.delivery_id] > turn][:room]
        queues.SEND.enqueue_all_now(
            [(f"send-{each}-{uuid.uuid4().hex[:12]}", {"delivery_id": each}) for each in turns]
        )
    except RedisError as error:
        logger.warning("the queue is away, the next tick will try again: %s", error)
        return []
    return list(dict.fromkeys(turns))


def _wanted(found: list[Ready], waiting: Counter[int]) -> dict[int, int]:
    """Return how many lanes to enqueue beside those that wait. It may be one too many in a race, which is harmless."""
    buckets = {one.delivery_id: _buckets(one) for one in found}
    waits = throttle.seconds_until(bucket for each in buckets.values() for bucket in each)
    most = _shares(found, waiting)
    wanted = {}
    for one in found:
        own = buckets[one.delivery_id]
        lanes = min([most[one.delivery_id], *(math.ceil(bucket.rate) for bucket in own)])
        # None while the next token is far off: other deliveries can use the worker.
        if any(waits[bucket] > AHEAD.total_seconds() for bucket in own):
            lanes = 0
        wanted[one.delivery_id] = max(0, min(one.parts, lanes - one.lanes) - waiting[one.delivery_id])
    return wanted


def _buckets(one: Ready) -> tuple[Bucket, ...]:
    return Limits.of(
        delivery=one.delivery_id, own=one.own_limit, route=one.route, shared=one.route_limit
    ).buckets


def _shares(found: list[Ready], waiting: Counter[int]) -> dict[int, int]:
    """Return as many lanes as are set; where other deliveries send too, at most its share of the workers plus one."""
    most = settings.SINETE["lanes"]
    leaving = (
        looks.with_lanes(now()) | set(waiting) | {one.delivery_id for one in found} if most > 1 else set()
    )
    if len(leaving) <= 1:
        return {one.delivery_id: most for one in found}
    alive = workers_alive(Queue.SEND) or most
    return {one.delivery_id: max(1, min(most, alive // len(leaving))) for one in found}


def others_wait(delivery_id: int) -> bool:
    """Whether a lane of another delivery waits for a worker."""
    try:
        return bool(_waiting().keys() - {delivery_id})
    except RedisError:
        return False


def _waiting() -> Counter[int]:
    """Return how many lanes of each delivery wait in the queue; raise RedisError where it is away."""
    ids = (job_id.split("-") for job_id in queues.SEND.waiting_ids() if job_id.startswith("send-"))
    return Counter(int(parts[1]) for parts in ids if parts[1].isdecimal())


def _last_woken() -> int:
    try:
        return int(valkey().get(_LAST_WOKEN) or 0)
    except (RedisError, ValueError):
        return 0


def _note_woken(delivery_id: int) -> None:
    """Remember whose turn was last; where that is lost, turns begin anew."""
    with suppress(RedisError):
        valkey().set(_LAST_WOKEN, delivery_id, ex=3600)
