"""A hit before it has a row, and as a line of a segment."""

import json
import logging
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from campaign.lib.tokens import Claim
from feedback.agents import AgentKind
from feedback.models import HitKind, time_ordered_uuid
from feedback.readers.signs import Signs

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


_NOTHING = Signs()


@dataclass(frozen=True)
class IncomingHit:
    """A hit before it has a row; `at` is by the clock of the host that answers."""

    delivery_key: int
    seq: int
    kind: HitKind
    link: int | None = None
    signs: Signs = _NOTHING
    at: datetime = field(default_factory=_now)
    id: UUID = field(default_factory=time_ordered_uuid)

    @classmethod
    def of(cls, claim: Claim, kind: HitKind, signs: Signs) -> "IncomingHit":
        return cls(
            delivery_key=claim.delivery_key,
            seq=claim.seq,
            kind=kind,
            link=claim.link if kind == HitKind.CLICK else None,
            signs=signs,
        )

    def as_line(self) -> str:
        """One line, which `read` takes."""
        link = "null" if self.link is None else self.link
        return (
            f'{{"delivery_key":{self.delivery_key},"seq":{self.seq},"kind":"{self.kind.value}","link":{link},'
            f'"at":"{self.at.isoformat()}","id":"{self.id.hex}",{_as_json(self.signs)}}}'
        )


@lru_cache(maxsize=4096)
def _as_json(signs: Signs) -> str:
    """The members of an object, without its braces."""
    return json.dumps(asdict(signs), separators=(",", ":"))[1:-1]


def _signs(stored: dict[str, Any]) -> Signs:
    """Of a line that was written before these were kept too: a machine by its class was one by its agent or method."""
    was_machine = stored.get("agent_kind") == AgentKind.MACHINE
    return Signs(
        agent=str(stored["agent"]),
        network=str(stored.get("network", "")),
        method=str(stored.get("method", "HEAD" if was_machine else "")),
        is_prefetch=bool(stored.get("is_prefetch", False)),
    )


def read(line: str) -> IncomingHit | None:
    """Return the hit of a line; None where it can't be read, as one may be at which the power failed."""
    try:
        stored = json.loads(line)
        return IncomingHit(
            delivery_key=int(stored["delivery_key"]),
            seq=int(stored["seq"]),
            kind=HitKind(stored["kind"]),
            link=stored["link"],
            signs=_signs(stored),
            at=datetime.fromisoformat(stored["at"]),
            id=UUID(stored["id"]),
        )
    except (ValueError, KeyError, TypeError):
        logger.warning("a line of a segment can't be read: %.200r", line)
        return None
