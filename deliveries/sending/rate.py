"""How fast a delivery leaves: the rate that is set, the one that is achieved, what limits it, and how long it takes.

The tick notes in Valkey how far each send is. Where that is lost, the rate is unknown for a moment.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from campaign.lib import jobs
from deliveries.models import ANSWERED_ROWS, Chunk, Delivery, Halt, Moment, Route, Status, Try
from deliveries.routing import routes
from deliveries.sending import looks, throttle
from deliveries.sending.throttle import Bucket, Limits

NOTE_EVERY = 5  # seconds between two notes
NOTE_ALL_EVERY = 60  # of those too that nobody has in hand
NOTES = 720  # an hour's
OVER = 60  # seconds the rate is taken over; for a slow send as many as it takes to see some leave
ENOUGH = 20  # messages
SOON = 5.0  # seconds; a delivery whose next token is further away has rightly no lane
LONGEST_TOLD = timedelta(days=30)
_DUE, _DUE_OF_ALL = "sinete:pace", "sinete:pace:all"


@dataclass(frozen=True)
class Rate:
    """How fast a delivery leaves, in messages an hour. `factor` is a word for programs, `limited_by` one for people."""

    set_rate: int | None
    achieved: int | None
    factor: str
    limited_by: str
    left: timedelta | None
    at_least: timedelta = timedelta()  # it is not over sooner, whatever its speed


def of(delivery: Delivery, *, at: datetime) -> Rate | None:
    """Return how fast it leaves now; None unless it is being sent."""
    if delivery.status != Status.SENDING:
        return None
    route = routes.known_route_of(delivery)
    limits, sharing = throttle.limits_of(delivery), _sharing(route)
    set_rate, achieved = _set_rate(limits, route, sharing), _achieved(delivery)
    factor, text = _factor(delivery, limits, route, sharing, at)
    fresh, again = _ahead(delivery)
    at_least = _at_least(delivery, again, limits, at)
    left = _left(fresh, again, achieved or set_rate, at_least)
    return Rate(set_rate, achieved, factor, text, left, at_least)


def _sharing(route: Route | None) -> int:
    """Return how many deliveries share the route's limit."""
    if route is None or route.limit_per_hour is None:
        return 1
    return max(1, Delivery.objects.filter(routes.leaves_by(route), status=Status.SENDING).count())


def _set_rate(limits: Limits, route: Route | None, sharing: int) -> int | None:
    shares = [
        bucket.per_hour // sharing if route and bucket == throttle.bucket_of_route(route) else bucket.per_hour
        for bucket in limits.buckets
    ]
    return max(1, min(shares)) if shares else None


def _left(fresh: int, again: int, per_hour: int | None, at_least: timedelta) -> timedelta | None:
    """Return how long until all have left; None where the rate of those who were never tried is unknown."""
    if fresh and not per_hour:
        return None
    left = max(
        at_least, timedelta(seconds=round((fresh + again) * 3600 / per_hour)) if per_hour else timedelta()
    )
    return left if timedelta() < left < LONGEST_TOLD else None


def _ahead(delivery: Delivery) -> tuple[int, int]:
    """Return how many were never tried, and how many wait for a later try or for their turn at a provider."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(seq_to - handed_upto) FILTER (WHERE NOT done), 0), coalesce(sum(retrying), 0)"
            " FROM deliveries_chunk WHERE delivery_id = %s",
            [delivery.pk],
        )
        fresh, again = cursor.fetchone()
    return fresh, again


def _at_least(delivery: Delivery, again: int, limits: Limits, at: datetime) -> timedelta:
    """Return how long it takes at least: until its last moment and its last later try, however fast it is."""
    known = [delivery.last_moment, _last_try(delivery, limits) if again else None]
    return max([timedelta(), *(moment - at for moment in known if moment is not None)])


def _last_try(delivery: Delivery, limits: Limits) -> datetime | None:
    """Return when the last of the later tries is due. A refused one is not tried again after its validity period."""
    tries = Try.objects.filter(delivery=delivery)
    last = tries.aggregate(last=Max("due_at"))["last"]
    if last is None or delivery.valid_until is None or last <= delivery.valid_until:
        return last
    queued = tries.filter(tries=0).aggregate(last=Max("due_at"))["last"] if limits.providers else None
    return max(delivery.valid_until, queued or delivery.valid_until)


# -- what limits it ---------------------------------------------------------------------------------------


def _factor(
    delivery: Delivery, limits: Limits, route: Route | None, sharing: int, at: datetime
) -> tuple[str, str]:
    if Halt.objects.covering(delivery.unit).exists():
        return "halted", str(_("a stop of all sending"))
    if route is not None and route.closed_until is not None and route.closed_until > at:
        return "relay_rests", str(_("the relay, which turned us away"))
    bucket = throttle.limiting(delivery.pk, limits)
    if bucket is None and not _has_lanes(delivery, at):
        bucket = next((each for each in limits.buckets if throttle.seconds_until_one([each]) > SOON), None)
        if bucket is None:
            return _without_a_lane(delivery, at)
    if bucket is None:
        return "relay", str(_("the relay's speed"))
    return bucket.name.partition(":")[0], _in_words(bucket, route, sharing)


def _in_words(bucket: Bucket, route: Route | None, sharing: int) -> str:
    texts: dict[str, str | Promise] = {
        "delivery": _("its own limit of %(limit)s an hour"),
        "route": _("the route's limit of %(limit)s an hour"),
        "provider": _("the limit of %(provider)s, %(limit)s an hour"),
    }
    kind, _colon, pk = bucket.name.partition(":")
    text = texts[kind]
    if kind == "route" and sharing > 1:
        text = _("its share of the route's limit of %(limit)s an hour")
    slots = {"limit": number_format(bucket.per_hour, 0, force_grouping=True)}
    if kind == "provider" and route is not None:
        slots["provider"] = route.provider_limits.values_list("name", flat=True).get(pk=pk)
    return str(text) % slots


def _has_lanes(delivery: Delivery, at: datetime) -> bool:
    rows = Chunk.objects.filter(delivery=delivery, done=False, lease_until__gt=at)
    return rows.exists() or Try.objects.filter(delivery=delivery, handed=True, lease_until__gt=at).exists()


def _without_a_lane(delivery: Delivery, at: datetime) -> tuple[str, str]:
    left = Chunk.objects.filter(delivery=delivery, done=False)
    may_leave = left
    if delivery.has_moments:
        ahead = Moment.objects.filter(delivery=delivery, opened_at=None)
        may_leave = left.exclude(moment__in=ahead.values("number"))
    if may_leave.exists() or Try.objects.filter(delivery=delivery, due_at__lte=at).exists():
        return "no_worker_free", str(_("no worker is free"))
    if delivery.has_moments and left.exists():
        return "moment", str(_("its sending plan: the next wave or hour is still ahead"))
    return "later_tries", str(_("servers that asked us to come back later"))


# -- how far it was ---------------------------------------------------------------------------------------


def _key(delivery_id: int) -> str:
    return f"sinete:pace:{delivery_id}"


def to_note(woken: Iterable[int], *, at: datetime) -> set[int]:
    """Return the deliveries whose progress is to be noted now: those that move, and once a minute all that are sent."""
    try:
        valkey = jobs.valkey()
        if not valkey.set(_DUE, 1, nx=True, px=NOTE_EVERY * 900):
            return set()
        whose = looks.with_lanes(at) | set(woken)
        if valkey.set(_DUE_OF_ALL, 1, nx=True, px=NOTE_ALL_EVERY * 990):
            whose |= set(Delivery.objects.filter(status=Status.SENDING).values_list("pk", flat=True))
    except RedisError:
        return set()
    return whose


def note(delivery_id: int, *, at: datetime) -> None:
    """Note how many messages a server was asked about by now; it is called every few seconds while it sends."""
    note_all([delivery_id], at=at)


def note_all(delivery_ids: Collection[int], *, at: datetime) -> None:
    """Note the same of many, in a flat number of queries."""
    if not delivery_ids:
        return
    try:
        valkey = jobs.valkey()
        ids = list(delivery_ids)
        with valkey.pipeline(transaction=False) as look:
            for each in ids:
                look.lindex(_key(each), 0)
            last = dict(zip(ids, map(_read, look.execute()), strict=True))
        moment = at.timestamp()
        due = [each for each in ids if not _is_fresh(last[each], moment)]
        with valkey.pipeline(transaction=False) as pipeline:
            for each, number in _asked_about(due).items():
                _push(pipeline, each, moment, number, before=last[each])
            pipeline.execute()
    except RedisError:
        return


def _is_fresh(last: tuple[float, int] | None, moment: float) -> bool:
    return last is not None and moment - NOTE_EVERY < last[0] <= moment


def _asked_about(delivery_ids: list[int]) -> dict[int, int]:
    """Return, by delivery, about how many messages a server was asked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, n.number FROM unnest(%s::bigint[]) d (id) CROSS JOIN LATERAL ("
            f" SELECT coalesce(sum({ANSWERED_ROWS} + in_doubt), 0) AS number FROM deliveries_chunk"
            " WHERE delivery_id = d.id) n",
            [delivery_ids],
        )
        return dict(cursor.fetchall())


def _push(
    pipeline: Any, delivery_id: int, moment: float, number: int, *, before: tuple[float, int] | None
) -> None:
    key = _key(delivery_id)
    if before is None or not 0 <= moment - before[0] <= 2 * OVER:
        pipeline.delete(key)  # it was paused, or no tick ran: nothing to compute a rate from
    pipeline.lpush(key, f"{moment:.3f} {number}")
    pipeline.ltrim(key, 0, NOTES - 1)
    pipeline.expire(key, NOTES * NOTE_EVERY)


def _achieved(delivery: Delivery) -> int | None:
    """Return the messages an hour of the last minutes; None where too little is known."""
    try:
        notes = [_read(each) for each in jobs.valkey().lrange(_key(delivery.pk), 0, -1)]
    except RedisError:
        return None
    known = [each for each in notes if each is not None]
    if len(known) < 2:
        return None
    newest, oldest = known[0], known[-1]
    since = next(
        (each for each in known if newest[0] - each[0] >= OVER and newest[1] - each[1] >= ENOUGH), oldest
    )
    return max(0, round((newest[1] - since[1]) * 3600 / (newest[0] - since[0])))


def _read(written: Any) -> tuple[float, int] | None:
    moment, _space, number = (written or b"").decode().partition(" ")
    return (float(moment), int(number)) if number else None
