"""How sure an outcome is: a surplus reply shows late that an answer may have been meant for another recipient.

What a group's answers say is told when all of them fit. Only DATA is answered by 354, so a 354 in its place proves
that the answers before it stood in theirs. Without a 354, an outcome that was told stays unproven for a while; it is
taken back when a surplus reply shows that the outcome would have been another one.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from deliveries.channels.base import Outcome
from deliveries.channels.outcomes import doubted

_UNPROVEN_AT_MOST = 8  # outcomes; a surplus reply shows within two groups


class _Unproven(NamedTuple):
    """An outcome that may rest on another's answer, and how many replies had been read with its own."""

    outcome: Outcome
    since: int

    def is_sure(self, codes: list[int]) -> bool:
        """Whether it would be the same if its answer were any of those that came after it."""
        return all(code // 100 == (self.outcome.code or 0) // 100 for code in codes[self.since :])


class Certainty:
    """The outcomes of one connection that later replies may still change.

    `tell` is called once with each outcome that was held, `doubt` with one that was told and what is true of it
    after all. `held` and `unproven` may be read: while either has something in it, each reply must be noted.
    """

    def __init__(self, *, tell: Callable[[Outcome], None], doubt: Callable[[Outcome, Outcome], None]) -> None:
        self._tell, self._doubt = tell, doubt
        self.held: list[_Unproven] = []  # of a group whose answers are not all there
        self.unproven: deque[_Unproven] = deque(maxlen=_UNPROVEN_AT_MOST)  # told, and no 354 since
        self._codes: list[int] = []  # of the replies since the first of those

    def note_reply(self, code: int) -> None:
        """Remember the code of a reply that was read, or has begun, after outcomes that are held or unproven."""
        self._codes.append(code)

    def hold(self, outcome: Outcome) -> None:
        """Keep the outcome until every answer of its group has come."""
        self.held.append(_Unproven(outcome, len(self._codes)))

    def tell_held(self) -> None:
        """Tell what is held: every answer of the group fitted, or none will come any more."""
        for held in self.held:
            self._tell(held.outcome)
        self.unproven.extend(self.held)
        self.held.clear()
        if not self.unproven:
            self._codes.clear()

    def note_proven(self) -> None:
        """Tell what is held, and forget all: a 354 came in its place, so the answers before it stood in theirs."""
        self.tell_held()
        self.unproven.clear()
        self._codes.clear()

    def take_back_unsure(self, fault: str) -> None:
        """Make unknown whatever would be another outcome with another answer: the relay said too much."""
        for told in self.unproven:
            if not told.is_sure(self._codes):
                self._doubt(told.outcome, doubted(told.outcome, fault))
        self.unproven.clear()
        self.held = [
            held if held.is_sure(self._codes) else _Unproven(doubted(held.outcome, fault), held.since)
            for held in self.held
        ]
