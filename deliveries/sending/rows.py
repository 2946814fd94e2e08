"""What a lane has in its hands: chunks, rows, and results on their way into the ledger."""

from dataclasses import dataclass, field
from typing import Any

from audiences.tracking import Tracked
from campaign.lib import clock
from deliveries.models import MessageStatus


class Fenced(Exception):
    """Another worker took what this lane held: it must hand over nothing more."""


class NotDurable(Exception):
    """PostgreSQL is set so that it may lose what it has committed."""


class Tampered(Exception):
    """The rows of a chunk are not the ones that were sealed."""


@dataclass(slots=True)
class Hold:
    """A chunk in this lane's hands."""

    number: int
    seq_to: int
    handed_upto: int
    token: int
    outstanding: int = 0
    renewed_at: float = field(default_factory=clock.elapsed)

    @property
    def is_exhausted(self) -> bool:
        return self.handed_upto >= self.seq_to


@dataclass(slots=True)
class Row:
    """A recipient that was handed over: what the connection needs to write to them."""

    seq: int
    number: int
    token: int
    address: str
    values: dict[str, Any]
    suppression: str  # why it must not leave; empty: it may
    tries: int
    is_later_try: bool = False
    tracked: int = Tracked.ALL  # what of it is measured
    was_tracked: int = Tracked.ALL  # the same as it was sealed


@dataclass(slots=True)
class Entry:
    """One row's result, ready for the ledger."""

    row: Row
    status: MessageStatus
    code: int | None = None
    nature: str = ""
    reason: str = ""
    reply: str = ""
    counts_as_try: bool = True
    retry_in: float | None = None  # seconds; for `RETRYING`
    quarantines: bool = False


@dataclass(slots=True)
class Exchange:
    """What one commit brought: rows to write to now, and whether the delivery may still send.

    Where it is `outdated` nothing was handed over, and asking again may help: the limits are others than those that
    tokens were taken under, or somebody waits at this moment until nothing more is handed over.
    `lost_tries`: of the later tries in hand some are no longer this lane's.
    """

    rows: list[Row] = field(default_factory=list)
    may_send: bool = True
    outdated: bool = False
    lost_tries: bool = False
