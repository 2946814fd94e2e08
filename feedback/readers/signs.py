"""What a request says of who asks, as it is kept: read off where it arrives, judged when it is brought in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings

from campaign.lib import networks
from feedback.agents import storable

_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_WORDS = ("prefetch", "prerender", "preview")
METHODS = frozenset({"GET", "HEAD", "POST"})


@dataclass(frozen=True)
class Signs:
    """What is kept of a request."""

    agent: str = ""
    network: str = ""
    method: str = "GET"
    is_prefetch: bool = False


def of(meta: Mapping[str, Any]) -> Signs:
    """Return the signs of a request by its `META`; what can't be read is left empty, and nothing is raised."""
    method = meta.get("REQUEST_METHOD", "")
    return Signs(
        _storable(meta.get("HTTP_USER_AGENT", "")),
        networks.seen(
            meta.get("REMOTE_ADDR") or "",
            meta.get("HTTP_X_FORWARDED_FOR") or "",
            proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT,
        ),
        method if method in METHODS else "",
        any(name in meta and _says_so(meta[name]) for name in _HEADERS),
    )


_storable = lru_cache(maxsize=4096)(storable)


def _says_so(header: str) -> bool:
    told = header.lower()
    return any(word in told for word in _WORDS)
