"""What pages say of a delivery whose rows are gone."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Delivery
from deliveries.retention import periods
from reporting.retention import applying

pytestmark = pytest.mark.django_db


@once
def gone(old_one):
    """Its unit kept for a month, and it ended before."""
    days = {"recipients": 30, "reactions": 30, "mail": 30}
    periods.save(unit=root(), days=days, by=UserFactory(roles={"administration": root()}))
    applying.apply(at=clock.now())
    return Delivery.objects.get(pk=old_one.pk)


@pytest.fixture
def signed_in(administrator):
    client = Client()
    client.force_login(administrator)
    return client


@pytest.mark.parametrize(
    "tab", ["log", "sending", "exclusions", "tracking", "unknown", "failures", "causes", "clicks", "urls"]
)
def test_each_log_says_since_when_and_by_which_setting_rows_are_gone(tab, signed_in, gone):
    page = signed_in.get(reverse("reporting:window", args=[gone.pk, tab])).content.decode()

    assert 'data-gone="recipients"' in page
    assert root().label in page


@pytest.mark.parametrize(
    "name",
    [
        "deliveries:dashboard",
        "reporting:block",
        "reporting:summary",
        "reporting:reconcile",
        "reporting:delivery-retention",
    ],
)
def test_pages_of_a_delivery_whose_rows_are_gone_are_whole(name, signed_in, gone):
    assert signed_in.get(reverse(name, args=[gone.pk])).status_code == 200
