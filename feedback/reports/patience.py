"""A limit of time for one mail."""

import time

SECONDS = 2.0  # of processor time for one report, which takes some thousandths of a second


class OutOfPatience(Exception):
    """The mail costs more time than a report is worth."""


class Patience:
    """Counts processor time of this thread, so that a busy machine makes no report unreadable."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._until = time.thread_time() + seconds

    def check(self) -> None:
        """Raise OutOfPatience once the time is up."""
        if time.thread_time() > self._until:
            raise OutOfPatience
