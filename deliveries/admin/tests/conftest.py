"""A unit and the people of its deliveries, signed in at the desk."""

import pytest
from django.test import Client

from accounts.models import OrganizationalUnit
from accounts.roles import root
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UserFactory


@pytest.fixture
def preparer(unit: OrganizationalUnit) -> Client:
    """Somebody who prepares in the unit."""
    return signed_in(UserFactory(is_staff=True, home_unit=unit, roles={"prepare": unit}))


@pytest.fixture
def starter(unit: OrganizationalUnit) -> Client:
    """Somebody who may start deliveries of the unit."""
    return signed_in(UserFactory(is_staff=True, roles={"start": unit}))


@pytest.fixture
def approver(unit: OrganizationalUnit) -> Client:
    """Somebody who approves in the unit."""
    return signed_in(UserFactory(is_staff=True, roles={"approve": unit}))


@pytest.fixture
def boss() -> Client:
    """A superuser."""
    return signed_in(UserFactory(is_staff=True, is_superuser=True))


@pytest.fixture
def administrator() -> Client:
    """A superuser who has the rights of an administrator on everything too, those on personal data among them."""
    return signed_in(UserFactory(is_staff=True, is_superuser=True, roles={"administration": root()}))
