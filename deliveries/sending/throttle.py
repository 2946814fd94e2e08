"""How many messages may leave now: token buckets, which all lanes of all workers share through Valkey.

Tokens are taken before a window is handed over. Whatever goes wrong here makes a send slower, never faster: a
bucket that was lost begins empty, and while Valkey is away each lane keeps to its part of the limit by itself.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import django_rq
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from campaign.lib import valkey
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
AWAY_SECONDS = 1.0  # nor asks again sooner where there was none
PREFIX = "sinete:limit:"

# A bucket is a hash: its tokens and when they were counted; and of each delivery that draws from it `s:` what it
# was given, `h:` until when it counts as turned away, `q:` until when it has given places in its queue away.
#
# Sharing is start-time fair queueing. Nobody may be a quantum ahead of another who is waiting; `v` is where the
# last one served stood, and whoever comes back from doing nothing begins there, so that idle time earns no claim.
#
# Where tokens are so far apart that lanes let their workers go in between, a claim lasts until the next token and a
# turn of another's lane beyond it, and whoever is refused in its favour is told to come back for the one after: else
# the lane that is always there first would have every token.
_TAKE = """
local wanted, me, queues, behind = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1', ARGV[4] == '1'
local now = tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1000000
end
local shortest, longest, grace = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local far_apart, slow_grace = tonumber(ARGV[9]), tonumber(ARGV[10])
local grant, buckets = wanted, {}
for i, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[10 + i])
    local b = {key = key, rate = rate, tokens = 0, at = now, v = 0, s = {}, h = {}, q = {}}
    local found = redis.call('HGETALL', key)
    for j = 1, #found, 2 do
        local kind, who = string.match(found[j], '^([shq]):(.*)$')
        if kind then
            b[kind][who] = tonumber(found[j + 1])
        else
            b[found[j]] = tonumber(found[j + 1])
        end
    end
    b.tokens = math.min(math.max(1, rate), b.tokens + math.max(0, now - b.at) * rate)
    b.room = math.max(0, math.floor(b.tokens + 0.000001))
    b.mine = b.s[me] or 0
    if (b.h[me] or 0) <= now then
        b.mine = math.max(b.mine, b.v)
    end
    for who, until_then in pairs(b.h) do
        if who ~= me and until_then > now then
            local quantum = math.max(1, math.floor(rate * shortest))
            b.room = math.min(b.room, math.max(0, b.s[who] + quantum - b.mine))
        elseif who ~= me and math.max(until_then, b.q[who] or 0) < now - 60 then
            redis.call('HDEL', key, 's:' .. who, 'h:' .. who, 'q:' .. who)
        end
    end
    b.slot = math.max(b.q[me] or 0, now)
    b.is_behind = behind and b.slot > now
    if b.is_behind then
        b.room = 0
    end
    grant = math.min(grant, b.room)
    buckets[i] = b
end
local wait, first_slot = 0, 0
for _, b in ipairs(buckets) do
    local is_limiting = grant < wanted and b.room == grant
    local again = math.max(1 - (b.tokens - grant), 0) / b.rate
    local is_slow = 1 / b.rate > far_apart
    if is_limiting and is_slow and again == 0 then
        again = 1 / b.rate
    end
    local hungry_until = now
    if is_limiting then
        wait = math.max(wait, again)
    end
    if is_limiting and not b.is_behind then
        hungry_until = now + math.max(shortest, is_slow and again or math.min(again, longest)) +
            (is_slow and slow_grace or grace)
    end
    if grant > 0 then
        b.v = math.max(b.v, b.mine)
    end
    if queues and grant < wanted then
        b.slot = math.max(b.slot, now + math.max(0, -b.tokens) / b.rate)
        first_slot = b.slot + 1 / b.rate - now
        b.slot = b.slot + (wanted - grant) / b.rate
    end
    redis.call('HSET', b.key, 'tokens', string.format('%.9f', b.tokens - grant), 'at', string.format('%.6f', now),
        'v', string.format('%.0f', b.v), 'q:' .. me, string.format('%.6f', b.slot),
        's:' .. me, string.format('%.0f', b.mine + grant), 'h:' .. me, string.format('%.6f', hungry_until))
    local debt = math.max(0, grant - b.tokens) / b.rate
    redis.call('EXPIRE', b.key, math.ceil(60 + 2 / b.rate + math.max(debt, b.slot - now)))
end
return {grant, tostring(wait), tostring(first_slot)}
"""

_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    local tokens = tonumber(redis.call('HGET', key, 'tokens'))
    if tokens then
        local most = math.max(1, tonumber(ARGV[2 + i]))
        redis.call('HSET', key, 'tokens', string.format('%.9f', math.min(most, tokens + tonumber(ARGV[1]))))
        redis.call('HINCRBYFLOAT', key, 's:' .. ARGV[2], -tonumber(ARGV[1]))
    end
end
"""

# What does not wait: it takes its tokens where there are none, and who comes after it waits until they are made up
# for. A number below zero gives back.
_DEBIT = """
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] + time[2] / 1000000
end
for i, key in ipairs(KEYS) do
    local rate, number = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local found = redis.call('HMGET', key, 'tokens', 'at')
    local tokens, at = tonumber(found[1] or 0), tonumber(found[2] or now)
    local most = math.max(1, rate)
    tokens = math.min(most, math.min(most, tokens + math.max(0, now - at) * rate) - number)
    redis.call('HSET', key, 'tokens', string.format('%.9f', tokens), 'at', string.format('%.6f', now))
    local left = math.max(0, redis.call('TTL', key))
    redis.call('EXPIRE', key, math.max(left, math.ceil(60 + 2 / rate + math.max(0, -tokens) / rate)))
end
"""


class Bucket(NamedTuple):
    """One limit: its name in Valkey, and how much an hour goes through it."""

    name: str
    per_hour: int

    @property
    def key(self) -> str:
        return PREFIX + self.name

    @property
    def rate(self) -> float:
        return self.per_hour / 3600


class Grant(NamedTuple):
    """So many may leave; the next one in `wait` seconds. `slot`: when the first of those that queue is due."""

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
    """What limits a delivery now. `buckets`: those that each of its messages takes a token of."""

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
    """What each message of the delivery takes a token of. Costs no query where its route was read with it."""
    return _limits_of(delivery, routes.known_route_of(delivery), ()).buckets


def limits_of(delivery: Delivery) -> Limits:
    """All that limits the delivery now, the mailbox providers too."""
    route = routes.known_route_of(delivery)
    providers = route.provider_limits.values_list("id", "limit_per_hour", "domains") if route else ()
    return _limits_of(delivery, route, list(providers))


def _limits_of(delivery: Delivery, route: Route | None, providers: Sequence[Any]) -> Limits:
    return Limits.of(
        delivery=delivery.pk, own=delivery.limit_per_hour, route=route.pk if route else None,
        shared=route.limit_per_hour if route else None, providers=providers,
    )  # fmt: skip


def shared_by(addresses: Sequence[str], *, route: Route, limits: Limits) -> Counter[Bucket]:
    """The tokens of messages to these addresses that are none of the delivery's list: of route and providers."""
    domains = [domain_key(address.rpartition("@")[2]) for address in addresses]
    spent = Counter(provider.bucket for domain in domains if (provider := limits.provider_of(domain)))
    if route.limit_per_hour and addresses:
        spent[bucket_of_route(route)] = len(addresses)
    return spent


def debit(spent: Mapping[Bucket, int], *, at: float | None = None) -> None:
    """These tokens are taken whatever the buckets hold. Without Valkey nobody is kept waiting, and nothing counts."""
    if not spent:
        return
    numbers = [figure for bucket, number in spent.items() for figure in (bucket.rate, number)]
    try:
        valkey = django_rq.get_connection("default")
        valkey.register_script(_DEBIT)(
            keys=[bucket.key for bucket in spent], args=["" if at is None else at, *numbers]
        )
    except RedisError as error:
        logger.warning("Valkey is away, what leaves now counts for no limit: %s", error)


def credit(spent: Mapping[Bucket, int], *, at: float | None = None) -> None:
    """Tokens of what surely did not leave come back."""
    debit({bucket: -number for bucket, number in spent.items()}, at=at)


def bucket_of_route(route: Route) -> Bucket:
    return Bucket(f"route:{route.pk}", route.limit_per_hour or 0)


def bucket_of_provider(limit: ProviderLimit) -> Bucket:
    return Provider(limit.pk, limit.limit_per_hour, frozenset()).bucket


class Throttle:
    """A lane's way to the buckets. Nothing is asked, and no connection made, where nothing limits."""

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
        """As many tokens of each bucket as all of them have, at most `wanted`.

        `queues`: what is not granted gets places one after the other, at the bucket's pace; with `behind`
        nothing is granted while such places are waited for.
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
        """Tokens of messages that surely did not leave. Where they get lost the send is slower."""
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
                # Taken twice would only be slower, but nothing here is worth a wait.
                retry=Retry(NoBackoff(), 0),
            )
            self._scripts = {text: self._valkey.register_script(text) for text in (_TAKE, _GIVE_BACK)}
        return self._scripts[text]

    def _note_away(self, error: Exception) -> None:
        logger.warning("Valkey is away, the lane keeps to its part of the limit by itself: %s", error)
        self._away_until = time.monotonic() + AWAY_SECONDS

    def _take_alone(self, wanted: int, buckets: Sequence[Bucket]) -> Grant:
        """This lane's part: as if every lane of every delivery that is sent by the route took as much."""
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
    """How long until each bucket has a token; 0 where nobody knows. A look, which takes nothing."""
    return max([0.0, *seconds_until(buckets).values()])


def seconds_until(buckets: Iterable[Bucket]) -> dict[Bucket, float]:
    """The same for each of them by itself, in one look."""
    asked = list(dict.fromkeys(buckets))
    waits = dict.fromkeys(asked, 0.0)
    if not asked:
        return waits
    try:
        pipeline = django_rq.get_connection("default").pipeline(transaction=False)
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
    """The bucket that turned the delivery away a moment ago, or that its recipients queue for; None: none did."""
    buckets = [*limits.buckets, *(provider.bucket for provider in limits.providers)]
    if not buckets:
        return None
    try:
        pipeline = django_rq.get_connection("default").pipeline(transaction=False)
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
    """The bucket begins anew, empty and with no queue: its limit was changed."""
    with suppress(RedisError):
        django_rq.get_connection("default").delete(bucket.key)
