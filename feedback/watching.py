"""The process beside `web`: what waits on this host is brought in, and the links it may be asked for are fetched."""

import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import reset_queries

from accounts import audit
from deliveries.lifecycle import groups
from feedback import outage
from feedback.hits import bringing_in, segments
from feedback.public import link_cache

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_TRIES = 60.0  # of hits that were refused before
SECONDS_BETWEEN_FULL_LOOKS = 3600.0  # at every delivery; at those that leave soon or are leaving each second


def until_told_to_stop() -> None:
    """Look each second until SIGTERM or SIGINT; the segment in hand is brought in first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch = Watch()
    while not stop.is_set():
        watch.look()
        stop.wait(SECONDS_BETWEEN_LOOKS)


class Watch:
    """Looks again and again; what goes wrong is logged, and tried again."""

    def __init__(self) -> None:
        self._tried_held = self._looked_at_all = -math.inf
        self._released: dict[int, int] = {}
        self._away: set[str] = set()

    def look(self) -> int:
        """What waits is in the database, or waits on; return how many were brought in."""
        brought = 0
        with self._tried("links of what leaves are not on this host yet"):
            self._fetch_links()  # first: what is released leaves any moment
        with self._tried("hits wait on this host"):
            brought = self._bring_in()
        reset_queries()
        return brought

    @contextmanager
    def _tried(self, what_else: str) -> Iterator[None]:
        try:
            yield
            self._away.discard(what_else)
        except outage.Away:
            if what_else not in self._away:
                logger.warning("%s: the database is away", what_else)
            self._away.add(what_else)
        except Exception:
            logger.exception("%s: something is wrong", what_else)

    def _bring_in(self) -> int:
        with_held = time.monotonic() - self._tried_held > SECONDS_BETWEEN_TRIES
        if with_held:
            self._tried_held = time.monotonic()
        if not segments.is_anything_waiting(held=with_held):
            return 0
        with audit.entered("job"):
            return bringing_in.bring_in(held=with_held)

    def _fetch_links(self) -> None:
        """The links of whatever is released are on this host before the first message leaves."""
        is_full = time.monotonic() - self._looked_at_all > SECONDS_BETWEEN_FULL_LOOKS
        wanted = groups.FIXED if is_full else groups.RELEASED | groups.UNDER_WAY
        if link_cache.keep_copies(self._released, statuses=wanted) and is_full:
            self._looked_at_all = time.monotonic()
