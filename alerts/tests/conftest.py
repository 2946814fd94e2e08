import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest

from alerts.tests.far_end import FarEnd, far_end
from deliveries.conftest import real_time_again, relay

__all__ = ["real_time_again", "relay"]


@pytest.fixture
def end(settings: Any) -> Iterator[FarEnd]:
    """The other end of a webhook, on this machine, which the installation allows."""
    settings.SINETE = settings.SINETE | {"webhook_networks": [ipaddress.ip_network("127.0.0.0/8")]}
    with far_end() as running:
        yield running
