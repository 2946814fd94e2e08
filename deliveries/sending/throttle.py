"""How many messages may leave now: token buckets, which all lanes of all workers share through Valkey.

Tokens are taken before a window is handed over. Any failure here makes a send slower, never faster: a bucket that
was lost starts empty, and while Valkey is away each lane keeps to its share of the limit by itself.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from campaign.lib import jobs, valkey
from deliveries.channels.paths import domain_key
from deliveries.models import Delivery, ProviderLimit, Route
from deliveries.routing import routes

logger = logging.getLogger(__name__)

SHORTEST_WAIT = 0.25  # seconds between two asks of a lane; a bucket holds a second's worth, so none is lost
LONGEST_WAIT = 2.0  # a limit that was raised is noticed within this
GRACE = 1.0  # for so long beyond its wait one that was turned away still has a claim to its share
# Where so many seconds pass between two tokens lanes let their workers go, which are of more use elsewhere. To get
# one again takes as long as another lane's turn, and so long lasts a claim then.
TOO_FAR_APART, SLOW_GRACE = 10.0, 8.0
VALKEY_SECONDS = 1.0  # no lane waits longer for an answer
AWAY_SECONDS = 1.0  # seconds until the next attempt where there was none
PREFIX = "sinete:limit:"
_LUA = Path(__file__).parent / "lua"

_TAKE = (_LUA / "take.lua").read_text()

_GIVE_BACK = (_LUA / "give_back.lua").read_text()

_DEBIT = (_LUA / "debit.lua").read_text()


class Bucket(NamedTuple):
    """One limit: its name in Valkey, and how many messages an hour it allows."""

    name: str
    per_hour: int

    @property
    def key(self) -> str:
        return PREFIX + self.name

    @property
    def rate(self) -> float:
        return self.per_hour / 3600


class Grant(NamedTuple):
    """How many may leave, and after `wait` seconds the next. `slot`: when the first of those that queue is due."""

    number: int
    wait: float = 0.0
    slot: float = 0.0


@dataclass(frozen=True, slots=True)
class Provider:
    """The limit of a mailbox provider by the route."""

    id: int
    per_hour: int
    domains: frozenset[str]

    @property
    def bucket(self) -> Bucket:
        return Bucket(f"provider:{self.id}", self.per_hour)


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits a delivery now. Each of its messages takes a token of each of `buckets`."""

    buckets: tuple[Bucket, ...] = ()
    providers: tuple[Provider, ...] = ()

    @classmethod
    def of(
        cls, *, delivery: int, own: int | None, route: int | None, shared: int | None,
        providers: Sequence[tuple[int, int, Sequence[str]]] = (),
    ) -> "Limits":  # fmt: skip
        buckets = []
        if own:
            buckets.append(Bucket(f"delivery:{delivery}", own))
        if shared:
            buckets.append(Bucket(f"route:{route}", shared))
        return cls(
            tuple(buckets),
            tuple(Provider(id, per_hour, frozenset(domains)) for id, per_hour, domains in providers),
        )

    def provider_of(self, domain: str) -> Provider | None:
        return next((one for one in self.providers if domain in one.domains), None)


def buckets_of(delivery: Delivery) -> tuple[Bucket, ...]:
    """Return what each message of the delivery takes a token of; no query where its route was read with it."""
    return _limits_of(delivery, routes.known_route_of(delivery), ()).buckets


def limits_of(delivery: Delivery) -> Limits:
    """Return all that limits the delivery now, mailbox providers included."""
    route = routes.known_route_of(delivery)
    providers = route.provider_limits.values_list("id", "limit_per_hour", "domains") if route else ()
    return _limits_of(delivery, route, list(providers))


def _limits_of(delivery: Delivery, route: Route | None, providers: Sequence[Any]) -> Limits:
    return Limits.of(
        delivery=delivery.pk, own=delivery.limit_per_hour, route=route.pk if route else None,
        shared=route.limit_per_hour if route else None, providers=providers,
    )  # fmt: skip


def shared_by(addresses: Sequence[str], *, route: Route, limits: Limits) -> Counter[Bucket]:
    """Return the tokens that messages to these addresses take of route and providers, outside of any delivery."""
    domains = [domain_key(address.rpartition("@")[2]) for address in addresses]
    spent = Counter(provider.bucket for domain in domains if (provider := limits.provider_of(domain)))
    if route.limit_per_hour and addresses:
        spent[bucket_of_route(route)] = len(addresses)
    return spent


def debit(spent: Mapping[Bucket, int], *, at: float | None = None) -> None:
    """Take these tokens whatever the buckets hold. Without Valkey nobody waits, and nothing is counted."""
    if not spent:
        return
    numbers = [figure for bucket, number in spent.items() for figure in (bucket.rate, number)]
    try:
        valkey = jobs.valkey()
        valkey.register_script(_DEBIT)(
            keys=[bucket.key for bucket in spent], args=["" if at is None else at, *numbers]
        )
    except RedisError as error:
        logger.warning("Valkey is away, what leaves now counts for no limit: %s", error)


def credit(spent: Mapping[Bucket, int], *, at: float | None = None) -> None:
    """Return the tokens of messages that surely did not leave."""
    debit({bucket: -number for bucket, number in spent.items()}, at=at)


def bucket_of_route(route: Route) -> Bucket:
    """The tokens of a route: messages an hour, 0 for no limit."""
    return Bucket(f"route:{route.pk}", route.limit_per_hour or 0)


def bucket_of_provider(limit: ProviderLimit) -> Bucket:
    """The tokens of a mailbox provider, by its limit an hour."""
    return Provider(limit.pk, limit.limit_per_hour, frozenset()).bucket


class Throttle:
    """A lane's access to the buckets. Where nothing limits it, no connection is made."""

    def __init__(self, *, delivery_id: int, deliveries: int, at: float | None = None) -> None:
        self.drawer = str(delivery_id)
        self.at = at  # a test's clock; Valkey's own otherwise
        self._parts = settings.SINETE["lanes"] * max(1, deliveries)
        self._valkey: Any = None
        self._away_until = 0.0
        self._alone: dict[
            str, tuple[float, float]
        ] = {}  # tokens of a lane by itself, and when they were counted

    async def take(
        self, wanted: int, buckets: Sequence[Bucket], *, queues: bool = False, behind: bool = False
    ) -> Grant:
        """Take as many tokens of each bucket as all of them have, at most `wanted`.

        `queues`: what is not granted gets places in a queue, at the bucket's rate; with `behind` nothing is granted
        while such places are waited for.
        """
        if not buckets or wanted <= 0:
            return Grant(max(0, wanted))
        if time.monotonic() >= self._away_until:
            try:
                flags = [int(queues), int(behind), "" if self.at is None else self.at]
                number, wait, slot = await self._script(_TAKE)(
                    keys=[bucket.key for bucket in buckets],
                    args=[wanted, self.drawer, *flags, SHORTEST_WAIT, LONGEST_WAIT, GRACE, TOO_FAR_APART, SLOW_GRACE,
                          *(bucket.rate for bucket in buckets)],
                )  # fmt: skip
                self._alone.clear()
                return Grant(int(number), float(wait), float(slot))
            except (RedisError, OSError) as error:
                self._note_away(error)
        return self._take_alone(wanted, buckets)

    async def give_back(self, number: int, buckets: Sequence[Bucket]) -> None:
        """Return tokens of messages that surely did not leave. Where they get lost the send is slower."""
        if number <= 0 or not buckets or time.monotonic() < self._away_until:
            return
        try:
            await self._script(_GIVE_BACK)(
                keys=[bucket.key for bucket in buckets],
                args=[number, self.drawer, *(bucket.rate for bucket in buckets)],
            )
        except (RedisError, OSError) as error:
            self._note_away(error)

    async def close(self) -> None:
        if self._valkey is not None:
            with suppress(RedisError, OSError):
                await self._valkey.aclose()

    def _script(self, text: str) -> Any:
        if self._valkey is None:
            self._valkey = valkey.connect_async(
                settings.REDIS_URL,
                socket_timeout=VALKEY_SECONDS,
                socket_connect_timeout=VALKEY_SECONDS,
                # No retry: it could take tokens twice, and the lane would wait for it.
                retry=Retry(NoBackoff(), 0),
            )
            self._scripts = {text: self._valkey.register_script(text) for text in (_TAKE, _GIVE_BACK)}
        return self._scripts[text]

    def _note_away(self, error: Exception) -> None:
        logger.warning("Valkey is away, the lane keeps to its part of the limit by itself: %s", error)
        self._away_until = time.monotonic() + AWAY_SECONDS

    def _take_alone(self, wanted: int, buckets: Sequence[Bucket]) -> Grant:
        """Take this lane's share, as if every lane of every delivery on the route took as much."""
        now = time.monotonic()
        left: dict[str, float] = {}
        for bucket in buckets:
            rate = bucket.rate / self._parts
            tokens, at = self._alone.get(bucket.name, (0.0, now))
            left[bucket.name] = min(max(1.0, rate), tokens + (now - at) * rate)
        grant = min(wanted, *(int(tokens) for tokens in left.values()))
        self._alone |= {name: (tokens - grant, now) for name, tokens in left.items()}
        if grant == wanted:
            return Grant(grant)
        rate = min(bucket.rate for bucket in buckets) / self._parts
        return Grant(grant, (1 - min(left.values()) + grant) / rate, 1 / rate)


def seconds_until_one(buckets: Sequence[Bucket]) -> float:
    """Return the seconds until each bucket has a token, 0 where nobody knows; no token is taken."""
    return max([0.0, *seconds_until(buckets).values()])


def seconds_until(buckets: Iterable[Bucket]) -> dict[Bucket, float]:
    """Return the same for each bucket by itself, in one call."""
    asked = list(dict.fromkeys(buckets))
    waits = dict.fromkeys(asked, 0.0)
    if not asked:
        return waits
    try:
        pipeline = jobs.valkey().pipeline(transaction=False)
        pipeline.time()
        for bucket in asked:
            pipeline.hmget(bucket.key, "tokens", "at")
        (seconds, micros), *found = pipeline.execute()
    except RedisError:
        return waits
    now = seconds + micros / 1_000_000
    for bucket, (tokens, at) in zip(asked, found, strict=True):
        if tokens is not None:
            waits[bucket] = max(0.0, (1 - float(tokens)) / bucket.rate - max(0.0, now - float(at)))
    return waits


def limiting(delivery_id: int, limits: Limits) -> Bucket | None:
    """Return the bucket that refused the delivery a moment ago or that its recipients queue for, or None."""
    buckets = [*limits.buckets, *(provider.bucket for provider in limits.providers)]
    if not buckets:
        return None
    try:
        pipeline = jobs.valkey().pipeline(transaction=False)
        pipeline.time()
        for bucket in buckets:
            pipeline.hmget(bucket.key, f"h:{delivery_id}", f"q:{delivery_id}")
        (seconds, micros), *found = pipeline.execute()
    except RedisError:
        return None
    now = seconds + micros / 1_000_000
    for bucket, until in zip(buckets, found, strict=True):
        if any(moment is not None and float(moment) > now for moment in until):
            return bucket
    return None


def forget(bucket: Bucket) -> None:
    """Start the bucket anew, empty and with no queue, because its limit was changed."""
    with suppress(RedisError):
        jobs.valkey().delete(bucket.key)
