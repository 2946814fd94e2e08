"""From a refused mail to the number, the row, the report's text, the quarantine entry and the person, by clicks alone."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Profile
from deliveries.models import Message
from feedback import jobs
from feedback.intake import storing
from feedback.tests.mails import bounce_of
from reporting.tests.factories import delivery_with

SLOWLY = 30_000  # milliseconds that a page of a busy machine may take

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refused_mail_is_followed_to_the_person(new_page):
    delivery = delivery_with(sent=3)
    row = Message.objects.get(delivery=delivery, seq=2)
    Profile.objects.filter(pk=row.profile_id).update(first_name="Aurora", last_name="Lima")
    storing.store(bounce_of(delivery, 2))
    jobs.read_mail()
    page = new_page(user=UserFactory(roles={"administration": root()}, is_staff=True))
    page.set_default_timeout(SLOWLY)

    page.goto(reverse("deliveries:dashboard", args=[delivery.pk]))
    by_provider = page.get_by_role("row", name=re.compile("^example.com"))
    expect(by_provider.get_by_role("link").first).to_have_text("1", timeout=SLOWLY)
    page.locator("[data-kpi=failed] .kpi__value a").click()
    expect(page.get_by_text("550 5.1.1 <nobody>: user unknown")).to_be_visible(timeout=SLOWLY)
    page.get_by_role("link", name=row.address).click()
    page.get_by_role("link", name="The mail as it came").click()
    expect(page.get_by_text("Undelivered Mail Returned to Sender")).to_be_visible(timeout=SLOWLY)
    page.go_back()
    page.get_by_role("link", name="Quarantine", exact=True).click()
    expect(page.get_by_text("550 5.1.1 <nobody>: user unknown")).to_be_visible(timeout=SLOWLY)
    page.get_by_role("link", name="Profiles with this address").click()
    page.get_by_role("link", name="Aurora Lima").click()

    expect(page.get_by_role("heading", name="Aurora Lima")).to_be_visible(timeout=SLOWLY)
    expect(page.get_by_text("Hard bounce")).to_be_visible(timeout=SLOWLY)
