"""What a lane must know of its delivery, read once and checked against its seal."""

from collections.abc import Callable
from dataclasses import dataclass, field

from deliveries.channels.base import Relay
from deliveries.content.message.render import Renderer
from deliveries.models import Channel
from deliveries.sending.throttle import Limits


@dataclass(slots=True)
class LaneConfig:
    """A delivery's route, content and limits, as one of its lanes needs them."""

    delivery_id: int
    route_id: int
    relay: Relay
    connections: int
    renderer: Renderer
    # For the rows up to each seq, the seconds from now on, by the database's clock, in which one that was
    # refused is tried again: each moment has a validity of its own.
    valid_for: list[tuple[int, float]]
    sign: Callable[[bytes], bytes] | None = None  # what puts the route's signature in front of a message
    limits: Limits = field(default_factory=Limits)  # as they stood then; each exchange reads them anew
    channel: str = Channel.EMAIL
    deliveries: int = 1  # how many leave by the route
