"""Whether a delivery's relay can be reached: the only check that goes over the network."""

import socket

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from deliveries.models import Delivery
from deliveries.overview.diagnosis.causes import Diagnosis, fault
from deliveries.routing import routes

CONNECT_SECONDS = 5


def of_relay(delivery: Delivery) -> list[Diagnosis]:
    """Report a relay of the delivery that takes no connection; nothing is said to it."""
    route = routes.known_route_of(delivery)
    if route is None:  # the first send makes it
        return []
    try:
        relay = routes.relay_of(route)
    except ImproperlyConfigured as error:
        return [fault("relay_misconfigured", _("The relay's address can't be used: %(error)s."), error=error)]
    try:
        socket.create_connection((relay.host, relay.port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        return [
            fault(
                "relay_unreachable",
                _(
                    "The relay %(host)s:%(port)s takes no connection: %(error)s. “manage.py check_route” looks closer."
                ),
                host=relay.host,
                port=relay.port,
                error=error.strerror or error,
            )
        ]
    return []
