from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deliveries.tests.relay import Relay, relay_running


@pytest.fixture
def relay(tmp_path: Path, settings: Any) -> Iterator[Relay]:
    """A relay that takes everything but what the test refuses; the default route leads there."""
    with relay_running(tmp_path / "relay.sqlite3") as running:
        settings.RELAY_URL = running.url
        yield running
