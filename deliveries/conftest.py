"""Fixtures for every room of the deliveries: a relay, and the clock put right."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaign.lib import clock
from deliveries.tests.relay import Relay, relay_running


@pytest.fixture
def relay(tmp_path: Path, settings: Any) -> Iterator[Relay]:
    """A relay that takes everything but what the test refuses; the default route leads there."""
    with relay_running(tmp_path / "relay.sqlite3") as running:
        settings.RELAY_URL = running.url
        yield running


@pytest.fixture
def real_time_again() -> Iterator[None]:
    """After the test the clock shows the real time, wherever the test has put it."""
    yield
    clock.set_offset(timedelta())
