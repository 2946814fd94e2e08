"""A lane's relay whose answers a state machine draws."""

from collections.abc import Callable
from typing import Any

from deliveries.channels.base import Outcome, Result
from deliveries.sending.patience import Patience

RECIPIENTS, CHUNK_ROWS, WINDOW = 10, 4, 3
PROVIDER = "mailbox.example"
OPTED_OUT = 2  # this row's profile opted out after the preparation

# What the relay did, and what the connection says of it.
ANSWERS = {
    "sent": (True, Outcome(0, Result.SENT, 250, text="2.0.0 Ok")),
    "failed": (
        False,
        Outcome(0, Result.FAILED, 550, text="5.1.1 Gone", nature="hard", reason="user_unknown"),
    ),
    "retry": (False, Outcome(0, Result.RETRY, 451, text="4.2.0 Later", nature="soft", reason="unreachable")),
    "not attempted": (False, Outcome(0, Result.NOT_ATTEMPTED)),
    "taken without a word": (True, Outcome(0, Result.IN_DOUBT)),
    "lost without a word": (False, Outcome(0, Result.IN_DOUBT)),
}
SURELY_NOT_SENT = {"retry", "not attempted"}


class Died(Exception):
    """The process of a lane is gone at this very moment."""


class FixedWindow:
    """A window that stays as large as it is."""

    size = WINDOW

    def note(self, results: int) -> None: ...


class UnpausedPatience(Patience):
    """Tries again at once: the relay answers when a rule says so, and a lane that paused would only turn round and
    round in an empty wait.
    """

    def pause(self) -> float:
        return 0.0


class RelayOfLane:
    """The pool of a lane: keeps what was fed until a rule answers, and tells of each hand-over, by its seq."""

    def __init__(self, note_hand_over: Callable[[int], None]) -> None:
        self.note_hand_over = note_hand_over
        self.waiting: list[int] = []

    def feed(self, envelopes: Any) -> None:
        for envelope in envelopes:
            self.note_hand_over(envelope.seq)
            self.waiting.append(envelope.seq)

    def drain(self) -> None: ...

    def may_begin(self) -> bool:
        return True

    async def outcomes(self, *, at_least: int = 1, timeout: float | None = None) -> list[Outcome]:
        return []
