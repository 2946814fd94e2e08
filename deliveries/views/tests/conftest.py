"""A unit, and who prepares deliveries in it."""

import pytest
from django.test import Client

from accounts.models import OrganizationalUnit, User
from deliveries.tests.factories import person


@pytest.fixture
def preparer(unit: OrganizationalUnit, client: Client) -> User:
    """Somebody who may prepare in the unit, signed in with `client`."""
    preparer = person("prepare", unit)
    client.force_login(preparer)
    return preparer
