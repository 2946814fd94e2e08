"""How long a connection has waited for an answer, and when that is too long."""

from collections.abc import Callable
from enum import Enum

from deliveries.channels.base import Relay

POLITENESS_S = 2.0  # how long a QUIT waits for its answer


class Overdue(Enum):
    """What a wait has come to: so long that another connection may take the place, or past its end."""

    SILENT = "silent"
    LATE = "late"


class AnswerClock:
    """The wait of one connection for its next answer; all moments are seconds of the event loop's clock."""

    def __init__(self, relay: Relay, *, now: Callable[[], float]) -> None:
        self._relay, self._now = relay, now
        self._deadline: float | None = None  # None: no answer is owed
        self._asked_at = 0.0  # since when an answer is owed
        self._was_overdue = False

    def start(self, *, is_body: bool) -> None:
        """Wait from now on; `is_body`: for the answer to a final dot, which may take longer."""
        relay = self._relay
        self._asked_at = self._now()
        self._deadline = self._asked_at + (relay.body_timeout_s if is_body else relay.timeout_s)
        self._was_overdue = False

    def start_goodbye(self) -> None:
        """Wait for the answer to QUIT, POLITENESS_S at most."""
        self._deadline = self._now() + POLITENESS_S

    def stop(self) -> None:
        """Wait for nothing."""
        self._deadline = None

    def forget_overdue(self) -> None:
        """Look twice again before the wait counts as overdue."""
        self._was_overdue = False

    def overdue(self, now: float, *, is_silent: bool) -> Overdue | None:
        """Return what the wait has come to, if it is overdue; `is_silent`: that it is silent was said before.

        It must be seen so twice, at two calls: this process itself may have been busy.
        """
        if self._deadline is None:
            return None
        is_late = now >= self._deadline
        if not is_late and (is_silent or now < self._asked_at + self._relay.silence_s):
            return None
        if not self._was_overdue:
            self._was_overdue = True
            return None
        return Overdue.LATE if is_late else Overdue.SILENT
