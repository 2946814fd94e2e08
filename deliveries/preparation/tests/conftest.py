"""A delivery that was prepared in several chunks."""

from typing import Any

import pytest

from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory


@pytest.fixture
def prepared(settings: Any) -> Delivery:
    """Five messages in three chunks, and one exclusion."""
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    people = [*ProfileFactory.create_batch(5), ProfileFactory(no_email=True)]
    return DeliveryFactory(awaiting_approval=True, audience=AudienceFactory(members=people))
