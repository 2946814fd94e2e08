"""Which relay a delivery leaves by, and the breaker that spares its recipients when the relay is not well."""

import os
import socket
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db.models import F

from deliveries.channels.base import Relay
from deliveries.models import Delivery, Route

REFUSALS_THAT_OPEN = 3  # answers in a row that speak of us
FIRST_REST, LONGEST_REST = timedelta(seconds=15), timedelta(minutes=15)
_TLS = {"smtp": "none", "smtp+starttls": "starttls", "smtps": "implicit"}


def default_route() -> Route:
    """The route of deliveries that name none; made on first use, for the environment's relay."""
    return (
        Route.objects.filter(is_default=True).first()
        or Route.objects.get_or_create(label="Default", defaults={"is_default": True})[0]
    )


def route_of(delivery: Delivery) -> Route:
    return delivery.route or default_route()


def relay_of(route: Route) -> Relay:
    """Where the route leads. Passwords come from the environment alone."""
    if not route.host:
        return _environment_relay(route)
    return Relay(
        host=route.host,
        port=route.port,
        tls=route.tls,
        username=route.username,
        password=os.environ.get(route.password_variable, "") if route.password_variable else "",
        helo_name=socket.getfqdn(),
        body_timeout_s=settings.SINETE["smtp_reply_seconds"],
        max_connections=route.connections,
    )


def _environment_relay(route: Route) -> Relay:
    url = urlsplit(settings.RELAY_URL)
    return Relay(
        host=url.hostname or "127.0.0.1",
        port=url.port or 25,
        tls=_TLS.get(url.scheme, "none"),
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        helo_name=socket.getfqdn(),
        body_timeout_s=settings.SINETE["smtp_reply_seconds"],
        max_connections=route.connections,
    )


def open_breaker(route_id: int, *, because: str, at: datetime) -> None:
    """A lane was told about us, not about its recipients, several times in a row: the route rests.

    Each time in a row it rests twice as long. Nobody is burned for it: the rows are tried again.
    """
    Route.objects.filter(pk=route_id).update(refusals_in_a_row=F("refusals_in_a_row") + 1)
    times = Route.objects.get(pk=route_id).refusals_in_a_row
    rest = min(FIRST_REST * 2 ** min(times - 1, 6), LONGEST_REST)
    Route.objects.filter(pk=route_id).update(closed_until=at + rest, closed_because=because[:300])


def note_success(route_id: int) -> None:
    """The relay takes messages: the breaker is as new."""
    Route.objects.filter(pk=route_id).exclude(refusals_in_a_row=0, closed_until=None).update(
        refusals_in_a_row=0, closed_until=None, closed_because=""
    )
