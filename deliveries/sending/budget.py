"""What a lane may hand over now: its window, and tokens of every limit that its messages draw from."""

import time
from collections.abc import Sequence

from deliveries.channels.paths import domain_key
from deliveries.models import MessageStatus
from deliveries.sending.rows import Entry, Row
from deliveries.sending.throttle import (
    LONGEST_WAIT,
    SHORTEST_WAIT,
    TOO_FAR_APART,
    Grant,
    Limits,
    Provider,
    Throttle,
)
from deliveries.sending.window import WindowSize


class Budget:
    """How much a lane may hand over, and when it may ask again.

    `is_idle`: no token is free for so long that the lane should let its worker go.
    """

    def __init__(self, *, delivery_id: int, deliveries: int) -> None:
        self.window = WindowSize()
        self.throttle = Throttle(delivery_id=delivery_id, deliveries=deliveries)
        self.is_idle = False
        self._next_ask = 0.0  # no window before this moment: there were no tokens
        self._due_to_tries = 0.0  # the tenth that later tries have of what is granted, where that is few

    @property
    def seconds_to_wait(self) -> float:
        """Seconds until the lane may ask for tokens again; 0 where it may now."""
        return max(0.0, self._next_ask - time.monotonic())

    def wait(self, seconds: float) -> None:
        """Wait `seconds` before the next request for tokens, within the bounds for a lane."""
        self._next_ask = time.monotonic() + max(SHORTEST_WAIT, min(seconds, LONGEST_WAIT))

    async def tokens(self, limits: Limits) -> Grant:
        """Take tokens for the next window; where they are too few the lane asks again a little later."""
        wanted = self.window.size
        grant = await self.throttle.take(wanted, limits.buckets)
        self._next_ask = 0.0
        if grant.number < wanted:
            self.wait(grant.wait)
        self.is_idle = not grant.number and grant.wait > TOO_FAR_APART
        return grant

    async def give_back(self, number: int, limits: Limits) -> None:
        """Return the tokens of so many granted messages that surely did not leave."""
        await self.throttle.give_back(number, limits.buckets)

    def tries_to_take(self, grant: Grant, limits: Limits, *, beside_first_pass: bool) -> int:
        """Return how many of the granted messages may be later tries: all once the first pass is over, else a tenth."""
        if not beside_first_pass:
            return grant.number
        if not limits.buckets:
            return max(1, self.window.size // 10)
        # A limit may grant one message at a time: of ten such, one is a try's.
        self._due_to_tries += grant.number / 10
        tries = int(self._due_to_tries)
        self._due_to_tries -= tries
        return tries

    async def within_providers(self, rows: Sequence[Row], limits: Limits) -> tuple[list[Row], list[Entry]]:
        """Return the rows whose mailbox provider takes them now, and the results of the others.

        A window is a run of consecutive rows, so that one mark says what was handed over; which providers are full
        is known only then. Rows for these queue as later tries at the provider's rate, which count as no try; all
        others go on.
        """
        leaving: list[Row] = []
        queued: list[Entry] = []
        queues: dict[tuple[Provider, bool], list[Row]] = {}
        for row in rows:
            provider = limits.provider_of(domain_key(row.address.rpartition("@")[2]))
            if provider is None:
                leaving.append(row)
            else:
                queues.setdefault((provider, row.is_later_try), []).append(row)
        # Later tries come first, as they have waited longer.
        for (provider, is_later_try), queue in sorted(queues.items(), key=lambda one: not one[0][1]):
            grant = await self.throttle.take(
                len(queue), [provider.bucket], queues=True, behind=not is_later_try
            )
            leaving += queue[: grant.number]
            for place, row in enumerate(queue[grant.number :]):
                retry_in = grant.slot + place / provider.bucket.rate
                queued.append(Entry(row, MessageStatus.RETRYING, counts_as_try=False, retry_in=retry_in))
        return leaving, queued

    async def close(self) -> None:
        await self.throttle.close()
