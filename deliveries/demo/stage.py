"""What the demo's story is played with: a clock to be set back, workers in this process, quick retries."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, connections

from campaign.lib import clock
from campaign.stack.inprocess import run_queued

ALLOWED = "-c sinete.clock_offset=allowed"
LONGEST_WAIT = 180  # seconds; the machine may be busy


class Stuck(Exception):
    """A step of the demo was not done in time."""


@contextmanager
def rehearsal() -> Iterator[None]:
    """Let the clock of this process be set back, and have what was refused for a while tried again after a second."""
    options = connection.settings_dict["OPTIONS"]
    before = options.get("options", "")
    if ALLOWED not in before:
        options["options"] = f"{before} {ALLOWED}".strip()
        connection.close()
    try:
        with changed(retry_seconds=[1]):
            yield
    finally:
        clock.set_offset(timedelta())
        # Lanes ask Django's database from a thread of their own, whose connection would stay open.
        asyncio.run(sync_to_async(connections.close_all)())
        if ALLOWED not in before:
            options["options"] = before
            connection.close()


@contextmanager
def changed(**values: Any) -> Iterator[None]:
    """Give settings of the engine other values in this process, inside the `with` block."""
    before = {name: settings.SINETE[name] for name in values}
    settings.SINETE.update(values)
    try:
        yield
    finally:
        settings.SINETE.update(before)


def ago(**length: float) -> None:
    """Set the clock of this process back by so much."""
    clock.set_offset(-timedelta(**length))


def work_until(has_come: Callable[[], bool], *, doing: str, ask: Callable[[], object] = lambda: None) -> None:
    """Run queued jobs in this process until `has_come` returns true; other workers may help.

    `ask` is called after each look. Raise Stuck after LONGEST_WAIT seconds.
    """
    end = time.monotonic() + LONGEST_WAIT
    while True:
        run_queued(raising=False)
        if has_come():
            return
        if time.monotonic() > end:
            raise Stuck(f"Still not done after {LONGEST_WAIT} seconds: {doing}.")
        time.sleep(0.1)
        ask()
