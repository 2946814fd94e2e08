"""A hit before it has a row, and as a line of a segment."""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from campaign.lib.tokens import Claim
from feedback.agents import LONGEST, AgentKind
from feedback.models import HitKind, time_ordered_uuid

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class IncomingHit:
    """A hit before it has a row; `at` is by the clock of the host that answers."""

    delivery_key: int
    seq: int
    kind: HitKind
    link: int | None = None
    agent: str = ""
    agent_kind: AgentKind = AgentKind.HUMAN
    at: datetime = field(default_factory=_now)
    id: UUID = field(default_factory=time_ordered_uuid)

    @classmethod
    def of(cls, claim: Claim, kind: HitKind, *, agent: str, agent_kind: AgentKind) -> "IncomingHit":
        return cls(
            delivery_key=claim.delivery_key,
            seq=claim.seq,
            kind=kind,
            link=claim.link if kind == HitKind.CLICK else None,
            agent=_storable(agent),
            agent_kind=agent_kind,
        )

    def as_line(self) -> str:
        """One line, which `read` takes."""
        link = "null" if self.link is None else self.link
        return (
            f'{{"delivery_key":{self.delivery_key},"seq":{self.seq},"kind":"{self.kind.value}","link":{link},'
            f'"agent_kind":"{self.agent_kind.value}","at":"{self.at.isoformat()}","id":"{self.id.hex}",'
            f'"agent":{_as_json(self.agent)}}}'
        )


_as_json = lru_cache(maxsize=4096)(json.dumps)


def read(line: str) -> IncomingHit | None:
    """Return the hit of a line; None where it can't be read, as one may be at which the power failed."""
    try:
        stored = json.loads(line)
        return IncomingHit(
            delivery_key=int(stored["delivery_key"]),
            seq=int(stored["seq"]),
            kind=HitKind(stored["kind"]),
            link=stored["link"],
            agent=stored["agent"],
            agent_kind=AgentKind(stored["agent_kind"]),
            at=datetime.fromisoformat(stored["at"]),
            id=UUID(stored["id"]),
        )
    except (ValueError, KeyError, TypeError):
        logger.warning("a line of a segment can't be read: %.200r", line)
        return None


@lru_cache(maxsize=4096)
def _storable(agent: str) -> str:
    return agent.replace("\x00", "").encode("utf-8", "replace").decode()[:LONGEST]
