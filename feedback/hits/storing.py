"""A hit is a line of a segment before the reader is answered; a worker of this host brings it in.

An opt-out takes effect at once where the database can be reached. Whatever fails in here, the reader is led on:
`store` says what became of the hit, and raises nothing.
"""

import logging
from enum import Enum, auto

from feedback import outage
from feedback.hits import bringing_in, segments
from feedback.hits.arrivals import IncomingHit
from feedback.models import HitKind

logger = logging.getLogger(__name__)


class Landed(Enum):
    """What became of a hit."""

    STORED = auto()  # in the tracking log, or let go
    WAITS = auto()  # in a segment: it will be brought in
    LOST = auto()


def store(arrival: IncomingHit) -> Landed:
    """The hit waits in a segment or is in the tracking log; where neither could be, it is lost, and that is logged.

    A hit on a proof is let go. An opt-out takes effect with its hit; one that waits is on the disk itself.
    """
    if arrival.seq < 1:
        return Landed.STORED
    ways = (_to_segment, _to_database)
    for way in reversed(ways) if arrival.kind == HitKind.UNSUBSCRIBE else ways:
        try:
            return way(arrival)
        except outage.Away:
            pass
        except Exception:
            logger.exception("a hit could not be written one way, it goes the other")
    logger.error("a hit is lost, it could be written neither to the database nor to a segment")
    return Landed.LOST


def _to_segment(arrival: IncomingHit) -> Landed:
    segments.append(arrival.as_line(), durable=arrival.kind == HitKind.UNSUBSCRIBE)
    return Landed.WAITS


def _to_database(arrival: IncomingHit) -> Landed:
    with outage.reach("recording"):
        bringing_in.take(arrival)
    return Landed.STORED
