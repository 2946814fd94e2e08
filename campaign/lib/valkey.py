"""How the queue's database is reached, by whoever reaches it: one address, by Sentinel too, and no wait without an end.

`REDIS_URL` is a redis://, rediss:// or unix:// address, or names the Sentinels that know where the master is:

    redis+sentinel://user:password@host1:26379,host2:26379,host3:26379/mymaster/0?sentinel_password=secret
"""

import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis.asyncio.sentinel
from django.core.exceptions import ImproperlyConfigured
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

SECONDS_TO_CONNECT = 5.0
SECONDS_TO_ANSWER = 5.0
SECONDS_BETWEEN_CHECKS = 30  # a connection that rested for longer is tried before it is used
SENTINEL_PORT = 26379
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")

# A worker waits for jobs for minutes, and RQ lets it; that its peer fell silent meanwhile only these find out.
KEEPALIVE = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000,
    }.items()
    if hasattr(socket, name)
}  # fmt: skip


def _link() -> dict[str, Any]:
    """What every connection over a network has."""
    return {
        "socket_connect_timeout": SECONDS_TO_CONNECT,
        "socket_timeout": SECONDS_TO_ANSWER,
        "socket_keepalive": True,
        "socket_keepalive_options": KEEPALIVE,
        "health_check_interval": SECONDS_BETWEEN_CHECKS,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 1),
    }


@dataclass(frozen=True)
class Sentinels:
    """Who knows where the master of this name is."""

    hosts: list[tuple[str, int]]
    master: str
    db: int = 0
    username: str | None = None
    password: str | None = None
    own_username: str | None = None  # of the Sentinels themselves
    own_password: str | None = None
    is_encrypted: bool = False

    @property
    def for_sentinels(self) -> dict[str, Any]:
        """How a Sentinel itself is asked: it is one of several, so the next is asked soon."""
        return _link() | {
            "socket_connect_timeout": 1.0, "socket_timeout": 1.0, "retry": Retry(ExponentialWithJitterBackoff(), 0),
            "username": self.own_username, "password": self.own_password,
            **({"ssl": True} if self.is_encrypted else {}),
        }  # fmt: skip

    @property
    def for_master(self) -> dict[str, Any]:
        return _link() | ({"ssl": True} if self.is_encrypted else {})


def sentinels_of(url: str) -> Sentinels | None:
    """Return the Sentinels that the address names; None if it names a server. Raise ImproperlyConfigured otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in SENTINEL_SCHEMES:
        return None
    who, _at, where = parts.netloc.rpartition("@")
    username, _colon, password = who.partition(":")
    master, _slash, db = parts.path.strip("/").partition("/")
    hosts = [_host(each) for each in where.split(",") if each]
    if not hosts or not master or not (db or "0").isdecimal():
        raise ImproperlyConfigured(
            "REDIS_URL by Sentinel reads redis+sentinel://host1:26379,host2:26379/mymaster/0: hosts, the master's "
            "name and the database's number."
        )
    own = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Sentinels(
        hosts=hosts, master=unquote(master), db=int(db or 0),
        username=unquote(username) or None, password=unquote(password) or None,
        own_username=own.get("sentinel_username"), own_password=own.get("sentinel_password"),
        is_encrypted=parts.scheme.startswith("rediss"),
    )  # fmt: skip


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        return parts.hostname or "localhost", parts.port or SENTINEL_PORT
    except ValueError as error:
        raise ImproperlyConfigured(
            f"REDIS_URL names a Sentinel that can't be read, {text}: {error}"
        ) from None


def queue_config(url: str) -> dict[str, Any]:
    """The address as django-rq wants to have it."""
    if (sentinels := sentinels_of(url)) is not None:
        return {
            "SENTINELS": sentinels.hosts, "MASTER_NAME": sentinels.master, "DB": sentinels.db,
            "USERNAME": sentinels.username, "PASSWORD": sentinels.password,
            "SOCKET_TIMEOUT": SECONDS_TO_ANSWER, "CONNECTION_KWARGS": sentinels.for_master,
            "SENTINEL_KWARGS": sentinels.for_sentinels,
        }  # fmt: skip
    if url.startswith("unix:"):
        return {"URL": url}  # nothing lies between that could fall silent
    known = _parsed(url)
    return {
        "HOST": known.pop("host", "localhost"), "PORT": known.pop("port", 6379), "DB": known.pop("db", 0),
        "USERNAME": known.pop("username", None), "PASSWORD": known.pop("password", None),
        "SSL": known.pop("connection_class", None) is SSLConnection,
        "SSL_CERT_REQS": known.pop("ssl_cert_reqs", "required"),
        "REDIS_CLIENT_KWARGS": _link() | known,
    }  # fmt: skip


def _parsed(url: str) -> dict[str, Any]:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"REDIS_URL can't be read: {error}") from None


def connect(url: str) -> Redis:
    """A client of whatever the address names."""
    if (sentinels := sentinels_of(url)) is not None:
        group = Sentinel(
            sentinels.hosts, sentinel_kwargs=sentinels.for_sentinels, db=sentinels.db,
            username=sentinels.username, password=sentinels.password, **sentinels.for_master,
        )  # fmt: skip
        return group.master_for(sentinels.master)
    if url.startswith("unix:"):
        return Redis.from_url(url)
    return Redis.from_url(url, **_link())


def connect_async(url: str, **more: Any) -> redis.asyncio.Redis:
    """The same for a lane, which waits for it no longer than `more` says."""
    if (sentinels := sentinels_of(url)) is not None:
        group = redis.asyncio.sentinel.Sentinel(
            sentinels.hosts, sentinel_kwargs=_async(sentinels.for_sentinels) | more, db=sentinels.db,
            username=sentinels.username, password=sentinels.password, **(_async(sentinels.for_master) | more),
        )  # fmt: skip
        return group.master_for(sentinels.master)
    if url.startswith("unix:"):
        return redis.asyncio.Redis.from_url(url, **more)
    return redis.asyncio.Redis.from_url(url, **(_async(_link()) | more))


def _async(options: dict[str, Any]) -> dict[str, Any]:
    """Without what the asynchronous client has classes of its own for; what it retries its caller says."""
    return {name: value for name, value in options.items() if name != "retry"}
