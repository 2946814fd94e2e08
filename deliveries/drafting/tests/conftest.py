"""Somebody who prepares, and is signed in."""

import pytest

from accounts.tests.factories import UserFactory


@pytest.fixture
def ana(unit, client):
    ana = UserFactory(username="ana", roles={"prepare": unit}, home_unit=unit, is_staff=True)
    client.force_login(ana)
    return ana
