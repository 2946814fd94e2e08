"""While messages leave rows go for a small part of the time: a send hardly feels it, on however small a machine."""

import time
from collections.abc import Callable

from campaign.lib import clock
from deliveries.sending import looks

SHARE_BESIDE_A_SEND = 0.05  # of the time


class Pace:
    """Rests between two slices, until `end` (of time.monotonic) at most, while any lane has messages in hand."""

    def __init__(
        self, *, end: float, share: float = SHARE_BESIDE_A_SEND, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.end, self.share, self.sleep = end, share, sleep
        self.since = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.end

    def rest(self) -> None:
        """What was done since the last rest has taken `share` of the time when this returns; nothing of it waits."""
        now = time.monotonic()
        if self.share < 1 and looks.with_lanes(clock.now()):
            wanted = (now - self.since) * (1 / self.share - 1)
            self.sleep(max(0.0, min(wanted, self.end - now)))
        self.since = time.monotonic()
