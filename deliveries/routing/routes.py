"""Which relay a delivery leaves by, and the breaker that stops using a relay which refuses us."""

import os
import socket
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q

from deliveries.channels.base import Relay
from deliveries.models import Delivery, Route

UNSIGNED = "DKIM"  # how the reason begins where not the relay but our signature is at fault
REFUSALS_THAT_OPEN = 3  # answers in a row that speak of us
REFUSALS_AFTER_SUCCESS = 10  # the same of a relay that has taken messages meanwhile
FIRST_REST, LONGEST_REST = timedelta(seconds=15), timedelta(minutes=15)
_SCHEMES = {"smtp": ("none", 25), "smtp+starttls": ("starttls", 587), "smtps": ("implicit", 465)}


def default_route() -> Route:
    """The route of deliveries that name none; made on first use, for the environment's relay."""
    return (
        Route.objects.filter(is_default=True).first()
        or Route.objects.get_or_create(label="Default", defaults={"is_default": True})[0]
    )


def route_of(delivery: Delivery) -> Route:
    """The route of its own, or the default one."""
    return delivery.route or default_route()


def leaves_by(route: Route) -> Q:
    """The deliveries that leave by the route."""
    return Q(route=route) | Q(route=None) if route.is_default else Q(route=route)


def known_route_of(delivery: Delivery) -> Route | None:
    """Return the delivery's route, or None where none was made yet; unlike `route_of` it makes none."""
    return delivery.leaves_by


def relay_of(route: Route) -> Relay:
    """Return where the route leads. Passwords are read from the environment alone."""
    if not route.host:
        return _environment_relay(route)
    return Relay(
        host=route.host,
        port=route.port,
        tls=route.tls,
        username=route.username,
        password=os.environ.get(route.password_variable, "") if route.password_variable else "",
        auth_in_clear=route.auth_in_clear,
        ca_file=route.ca_file,
        **_manners(route),
    )


def _environment_relay(route: Route) -> Relay:
    """Return the environment's relay with the settings of the row that its address can't express."""
    url = urlsplit(settings.RELAY_URL)
    if url.scheme not in _SCHEMES:
        # Never fall back to no encryption.
        raise ImproperlyConfigured(f"RELAY_URL begins with {url.scheme!r}: use {', '.join(_SCHEMES)}")
    tls, port = _SCHEMES[url.scheme]
    return Relay(
        host=url.hostname or "127.0.0.1",
        port=url.port or port,
        tls=tls,
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        auth_in_clear=route.auth_in_clear,
        ca_file=route.ca_file or dict(parse_qsl(url.query)).get("ca_file", ""),
        **_manners(route),
    )


def _manners(route: Route) -> dict[str, Any]:
    """Return the settings of how to use the relay, wherever it is."""
    return {
        "helo_name": socket.getfqdn(),
        "body_timeout_s": settings.SINETE["smtp_reply_seconds"],
        "silence_s": settings.SINETE["smtp_silence_seconds"],
        "max_connections": route.connections,
        "messages_per_connection": route.messages_per_connection,
    }


@transaction.atomic
def open_breaker(route_id: int, *, because: str, at: datetime) -> None:
    """Let the route rest, because its relay refused us, and not recipients, several times in a row.

    Each time in a row it rests twice as long; of lanes that were refused side by side only the first counts. No
    recipient is failed for it: their messages are tried again.
    """
    route = Route.objects.select_for_update().get(pk=route_id)
    if route.closed_until is not None and route.closed_until > at:
        return
    route.refusals_in_a_row += 1
    route.closed_until = at + min(FIRST_REST * 2 ** min(route.refusals_in_a_row - 1, 6), LONGEST_REST)
    route.closed_because = because[:300]
    route.save(update_fields=["refusals_in_a_row", "closed_until", "closed_because"])


def note_success(route_id: int) -> None:
    """Close the breaker and forget earlier failures: the relay takes messages."""
    Route.objects.filter(pk=route_id).exclude(refusals_in_a_row=0, closed_until=None).update(
        refusals_in_a_row=0, closed_until=None, closed_because=""
    )
