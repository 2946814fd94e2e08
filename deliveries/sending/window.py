"""How many messages a lane hands over at once: what leaves in half a second."""

import time
from dataclasses import dataclass, field

SMALLEST_WINDOW, FIRST_WINDOW, LARGEST_WINDOW = 1, 25, 250
WINDOW_SECONDS = 0.5  # what can leave in this time


@dataclass(slots=True)
class WindowSize:
    """The size of the next window, in messages: what leaves in half a second, never more than 250.

    Judged every quarter of a second, and at once when two windows are through: a fast relay soon gets large ones.
    """

    size: int = FIRST_WINDOW
    _since: float = field(default_factory=time.monotonic)
    _done: int = 0

    def note(self, results: int) -> None:
        """Note that so many results came back since the last call."""
        self._done += results
        elapsed = time.monotonic() - self._since
        if elapsed >= WINDOW_SECONDS / 2 or self._done >= 2 * self.size:
            rate = self._done / max(elapsed, 0.001)
            self.size = int(max(SMALLEST_WINDOW, min(LARGEST_WINDOW, rate * WINDOW_SECONDS, self.size * 4)))
            self._since, self._done = time.monotonic(), 0
