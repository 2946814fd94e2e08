"""Somebody is erased by a page, in a browser."""

import os

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [1366, 390])
def test_an_administrator_finds_somebody_sees_what_would_go_and_erases(new_page, width):
    ana = ProfileFactory(email="ana@example.com")
    DeliveryFactory(finished=True, audience=AudienceFactory(members=[ana, ProfileFactory()]))
    window = new_page(
        user=UserFactory(roles={"administration": root()}), viewport={"width": width, "height": 900}
    )

    window.goto("/erasures/")
    window.get_by_label("Address, id or external id").fill("ana@example.com")
    window.get_by_role("button", name="Show what would go").click()
    window.get_by_role("cell", name="Messages").wait_for()
    assert window.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SINETE_LOOK"):
        window.screenshot(path=f"{folder}/erase-{width}.png", full_page=True)
    window.get_by_label("Write ana@example.com to confirm").fill("ana@example.com")
    window.get_by_role("button", name="Erase").click()
    window.get_by_role("cell", name="Erasure").first.wait_for()
    if folder:
        window.screenshot(path=f"{folder}/erased-{width}.png", full_page=True)

    assert not Profile.objects.filter(pk=ana.pk).exists()
