"""A delivery of every outcome that ended long ago, with what its readers did, and a unit that keeps for a month."""

from datetime import timedelta

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.ledger import addressees as kept
from deliveries.models import Delivery
from deliveries.retention import periods
from feedback.models import HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics
from reporting.tests.factories import delivery_with


@pytest.fixture
def administrator():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def old():
    """Make a delivery with these numbers that ended 100 days ago, opened by the first and clicked by the second."""
    return _old


@once
def old_one():
    """Such a delivery: seven recipients, of whom two failed and of one it is unknown."""
    return _old()


def _old(**numbers):
    delivery = delivery_with(**(numbers or {"sent": 4, "failed": 2, "in_doubt": 1}))
    for kind, seq in [(HitKind.OPEN, 1), (HitKind.CLICK, 2), (HitKind.CLICK, 2)]:
        hit(delivery, kind, seq, link=0 if kind == HitKind.CLICK else None)
    statistics.count_hourly()
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    return Delivery.objects.get(pk=delivery.pk)


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
