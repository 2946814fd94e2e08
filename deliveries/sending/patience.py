"""How a lane deals with a database that refuses it: how long, how often it asks, and with how many results at a time.

The cause may be the database (it is away, full, read-only, in a migration) or one row (a value that it can't store),
and the error doesn't tell which. So a batch of results that was refused twice is halved, down to none: an exchange
that stores nothing shows whether the database takes anything. If it does, and a single result is refused again, that
row is at fault, and all others are stored.
"""

import time
from dataclasses import dataclass

LONGEST = 300  # seconds that a lane keeps its results
SHORTEST_PAUSE, LONGEST_PAUSE, GROWTH = 0.1, 2.0, 1.5  # seconds between two attempts
PROOFS = 2  # how often the database must take an exchange without the row before the row is at fault


@dataclass(slots=True)
class Patience:
    """The state from the first failure to the next exchange that succeeds."""

    since: float | None = None
    size: int | None = None  # how many results the next exchange may bring; None: all
    _refused: int = 0
    _in_a_row: int = 0
    _proofs: int = 0

    @property
    def is_searching(self) -> bool:
        """Whether a row is suspected: nothing more is handed over until that is settled."""
        return self.size is not None

    @property
    def is_over(self) -> bool:
        return self.since is not None and time.monotonic() - self.since > LONGEST

    def refused(self, brought: int) -> None:
        """Note that an exchange with so many results failed."""
        if self.since is None:
            self.since = time.monotonic()
        self._in_a_row += 1
        self._refused += 1
        if brought == 0 and self.is_searching:
            # The database refuses everything: no row is at fault.
            self.size, self._refused, self._proofs = None, 0, 0
        elif brought and (self.is_searching or self._refused > 1):
            self.size = brought // 2

    def pause(self) -> float:
        """Return the seconds to wait before the next attempt; 0 after a first failure, as most pass at once."""
        if self._in_a_row <= 1:
            return 0.0
        return min(LONGEST_PAUSE, SHORTEST_PAUSE * GROWTH ** min(self._in_a_row, 50))

    def succeeded(self, brought: int, *, left: int) -> bool:
        """Note that an exchange was committed; return True where the first of the results that are left is at fault."""
        self.since, self._in_a_row, self._refused = None, 0, 0
        if not left:
            self.size, self._proofs = None, 0
        if not self.is_searching:
            return False
        if brought:
            self._proofs, self.size = 0, brought * 2
            return False
        self._proofs += 1
        self.size = 1
        if self._proofs < PROOFS:
            return False
        self._proofs = 0
        return True
