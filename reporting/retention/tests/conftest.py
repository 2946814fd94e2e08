"""A delivery of every outcome that ended long ago, with what its readers did, and a unit that keeps for a month."""

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.stack.module_db import once
from deliveries.ledger import addressees as kept
from deliveries.retention import periods
from reporting.tests.factories import old_delivery


@pytest.fixture
def administrator():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def old():
    """Make a delivery with these numbers that ended 100 days ago, opened by the first and clicked by the second."""
    return old_delivery


@once
def old_one():
    """Such a delivery: seven recipients, of whom two failed and of one it is unknown."""
    return old_delivery()


@pytest.fixture
def addressees():
    """Whom each of so many messages of a delivery was written to, as its opt-out link knows it."""
    return lambda delivery, number: [kept.addressee(delivery.pk, 1 + n) for n in range(number)]


@pytest.fixture
def kept_for(administrator):
    """Say how long the root keeps; without a kind, all of them."""

    def keep(days=30, *, unit=None, **kinds):
        kinds = kinds or {"recipients": days, "reactions": days, "mail": days}
        periods.save(unit=unit or root(), days=kinds, by=administrator)

    return keep
