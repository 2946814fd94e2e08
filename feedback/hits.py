"""A hit is one insert; where that fails it waits in a file beside the process, and is brought in later.

Whatever fails in here, the reader is led on: `land` says what became of the hit, and raises nothing.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from uuid import UUID

from django.conf import settings

from campaign.lib import clock, private
from campaign.lib.tokens import Claim
from feedback import evidence, link_cache, outage, unsubscribes
from feedback.agents import LONGEST, AgentKind
from feedback.models import Hit, HitKind, time_ordered_uuid

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IncomingHit:
    """A hit before it has a row."""

    delivery_key: int
    seq: int
    kind: HitKind
    link: int | None = None
    agent: str = ""
    agent_kind: AgentKind = AgentKind.HUMAN
    at: datetime | None = None  # None: now, by the database's clock
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


class Landed(Enum):
    """What became of a hit."""

    STORED = auto()  # in the tracking log, or let go
    WAITS = auto()  # in the spool: it will be brought in
    LOST = auto()


def store(arrival: IncomingHit) -> Landed:
    """The hit is in the tracking log, or waits in the spool, or is lost and logged.

    A hit on a delivery that is gone, or on a proof, is let go. An opt-out takes effect with its hit.
    """
    try:
        delivery = link_cache.delivery_for(arrival.delivery_key)
        if delivery is None or arrival.seq < 1:
            return Landed.STORED
        with outage.reach("recording"):
            _take(arrival, delivery.delivery_id)
        return Landed.STORED
    except outage.Away:
        pass
    except Exception:
        logger.exception("a hit could not be stored, it waits in the spool")
    try:
        _spool(replace(arrival, at=arrival.at or datetime.now(UTC)))
        return Landed.WAITS
    except Exception:
        logger.exception("a hit is lost, it could be written neither to the database nor to the spool")
        return Landed.LOST


def _take(arrival: IncomingHit, delivery_id: int) -> None:
    if arrival.kind == HitKind.UNSUBSCRIBE and not _is_stored(arrival, delivery_id):
        # Before the hit: a death between the two leaves the wish fulfilled, and the reader's program asks again.
        unsubscribes.opt_out(delivery_id=delivery_id, seq=arrival.seq, at=arrival.at or clock.now())
    _store([arrival], delivery_id)
    evidence.apply(delivery_id=delivery_id, seq=arrival.seq, kind=arrival.kind)


def _store(arrivals: list[IncomingHit], delivery_id: int) -> None:
    rows = []
    for arrival in arrivals:
        hit = Hit(
            delivery_id=delivery_id,
            id=arrival.id,
            seq=arrival.seq,
            kind=arrival.kind,
            link=arrival.link,
            agent=arrival.agent,
            agent_kind=arrival.agent_kind,
        )
        if arrival.at is not None:
            hit.at = arrival.at
        rows.append(hit)
    Hit.objects.bulk_create(rows, ignore_conflicts=True)


def _is_stored(arrival: IncomingHit, delivery_id: int) -> bool:
    """Whether an earlier run brought it in already: the wish may have changed since."""
    return Hit.objects.filter(delivery_id=delivery_id, id=arrival.id).exists()


def _storable(agent: str) -> str:
    return agent.replace("\x00", "").encode("utf-8", "replace").decode()[:LONGEST]


# The spool. One lock covers adding a line and taking the file away, so no line is added to a file that is gone.


def _folder() -> Path:
    private.folder(Path(settings.FEEDBACK_FOLDER))
    return private.folder(Path(settings.FEEDBACK_FOLDER) / "spool")


@contextmanager
def _locked() -> Iterator[Path]:
    folder = _folder()
    with private.opened(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _spool(arrival: IncomingHit) -> None:
    line = json.dumps(asdict(arrival) | {"at": arrival.at and arrival.at.isoformat(), "id": str(arrival.id)})
    with _locked() as folder, private.opened(folder / "hits.jsonl", "a") as file:
        whole = file.tell()
        try:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.truncate(file.name, whole)  # half a line would spoil the next one
            raise


def drain_spool() -> int:
    """What waited is in the tracking log, each hit once, and opt-outs have taken effect; return how many.

    Raises Away if the database still is; nothing is lost then. A hit that can't be stored waits on by itself, and
    holds up no other.
    """
    outage.forget()
    with _locked() as folder:
        waiting = folder / "hits.jsonl"
        if waiting.exists():
            waiting.rename(folder / f"taken-{time_ordered_uuid().hex}.jsonl")
    return sum(_drain(path) for path in sorted(folder.glob("taken-*.jsonl")))


def _drain(path: Path) -> int:
    brought, waiting = 0, []
    for line in path.read_text().splitlines():
        arrival = _read(line)
        if arrival is None:
            continue
        try:
            delivery = link_cache.delivery_for(arrival.delivery_key)
            if delivery is not None:
                with outage.reach("recording"):
                    _take(arrival, delivery.delivery_id)
                brought += 1
        except outage.NotDone:
            waiting.append(line)
        except outage.Away:
            raise
        except Exception:
            logger.exception("a hit of the spool could not be stored, it waits on")
            waiting.append(line)
    if waiting:
        _keep(path, waiting)
    else:
        path.unlink(missing_ok=True)
    return brought


def _keep(path: Path, lines: list[str]) -> None:
    """Of a file of the spool only these lines are left."""
    logger.warning("%s hits of the spool could not be stored, they wait on", len(lines))
    draft = path.with_suffix(".tmp")
    private.write(draft, "".join(f"{line}\n" for line in lines))
    draft.replace(path)


def _read(line: str) -> IncomingHit | None:
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
        # The last line may be torn where the machine went down while writing it.
        logger.warning("a line of the spool can't be read: %.200r", line)
        return None
