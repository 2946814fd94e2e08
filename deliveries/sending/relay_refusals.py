"""Refusals that speak of us or of the relay: held for a moment, until it is known whom they are about.

A relay that refuses one message for its policy and takes the next has said something about one recipient. A relay
that refuses all has said something about itself or us, and no recipient may be failed for it. What tells the two
apart is whether a message that was begun after the refusal was taken.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from deliveries.channels.base import Outcome, Result
from deliveries.sending.rows import Row

REFUSALS_THAT_FAIL = 3  # of one row, where no message after it ever told


def speaks_of_the_dialogue(outcome: Outcome) -> bool:
    """Whether it is never about the recipient: a missing sign-in, commands out of order, a goodbye."""
    code = outcome.code or 0
    return outcome.breaker and outcome.result == Result.RETRY and (code == 421 or code >= 500)


class Suspect(NamedTuple):
    row: Row
    outcome: Outcome
    cleared_at: int  # once so many messages of the lane were taken, one of them was begun later


class Suspects:
    """Refusals that a lane holds; each is released once, as the recipient's or as the relay's."""

    def __init__(self, *, connections: int) -> None:
        self._on_the_wire = 2 * connections  # a body and the next envelope for each
        self._held: deque[Suspect] = deque()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, row: Row, outcome: Outcome, *, under_way: int) -> None:
        """Hold a refusal; `under_way` others were handed over before it was read."""
        begun = min(under_way, self._on_the_wire)
        self._held.append(Suspect(row, outcome, self._taken + begun + 1))

    def take_back(self, outcome: Outcome) -> Row | None:
        """Release the row of a refusal that turned out to be none."""
        for suspect in self._held:
            if suspect.outcome is outcome:
                self._held.remove(suspect)
                return suspect.row
        return None

    def note_taken(self) -> None:
        self._taken += 1

    def cleared(self) -> Iterator[Suspect]:
        """Release those about their recipients: the relay has taken a message since."""
        while self._held and self._held[0].cleared_at <= self._taken:
            yield self._held.popleft()

    def rest(self) -> Iterator[Suspect]:
        """Release all that are left."""
        while self._held:
            yield self._held.popleft()

    def later_tries(self) -> list[Row]:
        """Rows whose lease must be renewed while they are held."""
        return [suspect.row for suspect in self._held if suspect.row.is_later_try]

    def keys(self) -> set[tuple[int, int]]:
        return {(suspect.row.seq, suspect.row.token) for suspect in self._held}
