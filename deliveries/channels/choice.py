"""Which pool of connections a delivery's channel leaves by: the one place that knows."""

from typing import Any

from deliveries.channels.base import Relay
from deliveries.channels.smtp import Pool
from deliveries.models import Channel

_POOLS = {Channel.EMAIL: Pool}


def pool(channel: str, relay: Relay, *, connections: int, **more: Any) -> Pool:
    """Connections to the relay that speak the channel's protocol. Raises KeyError for a channel that is none."""
    return _POOLS[Channel(channel)](relay, connections=connections, **more)
