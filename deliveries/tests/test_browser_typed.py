"""What is typed survives the end of a session, in a real browser."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from accounts.tests.factories import PASSWORD, UnitFactory, UserFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_session_that_ends_while_somebody_writes_costs_no_word(new_page):
    unit = UnitFactory()
    ana = UserFactory(username="ana", roles={"prepare": unit}, home_unit=unit)
    draft = DeliveryFactory(unit=unit, by=ana)
    page = new_page(user=ana)
    page.goto(f"/deliveries/{draft.pk}/content/")

    Session.objects.all().delete()
    page.get_by_label("Subject").fill("Two hours of work")
    page.get_by_label("HTML", exact=True).fill("<p>All of it</p>")
    expect(
        page.get_by_text("You are signed out.")
    ).to_be_visible()  # the live preview asked, and led nobody away
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()

    expect(page.get_by_text("It is not saved yet")).to_be_visible()
    expect(page.get_by_label("Subject")).to_have_value("Two hours of work")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as version 2")).to_be_visible()
    draft.refresh_from_db()
    assert draft.content.html == "<p>All of it</p>"
