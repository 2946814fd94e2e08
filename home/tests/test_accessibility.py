"""WCAG 2.2 AA by axe-core: pages, open menus and dialogs, wide and narrow, light and dark; no violation.

On the same visits each page fits: none scrolls sideways.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory
from home.tests.axe import looks, too_wide, violations
from reporting.views.deployment import TABS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SEND_THE_LONGEST = """
    const forms = [...document.querySelectorAll("main form[method=post]")];
    const form = forms.sort((one, other) => other.elements.length - one.elements.length)[0];
    form.noValidate = true;
    form.requestSubmit();
"""
CREATING = (
    "deliveries:create", "deliveries:template-create", "audiences:create",
    "audiences:service-create", "audiences:test-profile-create",
)  # fmt: skip


def addresses(draft: Delivery, ready: Delivery, sent: Delivery, profile: Any, audience: Any) -> Iterator[str]:
    """One of each kind of page."""
    plain = (
        "home:home", "home:calendar", "home:search", "home:first-steps", "deliveries:list",
        "deliveries:folders", "deliveries:folder-create", "reporting:reports",
        "reporting:scheduled", "deliveries:waiting",
        "deliveries:create", "deliveries:stop-all", "deliveries:senders", "audiences:list", "audiences:create",
        "audiences:profiles", "audiences:imports", "audiences:test-profiles", "audiences:attributes", "units", "account",
        "audiences:unclear", "audiences:services", "audiences:service-create", "audiences:review-quarantine",
        "audiences:repair-quarantine", "deliveries:pictures", "deliveries:templates", "deliveries:template-create",
        "feedback:incoming",
        "alerts:list", "alerts:choices",
    )  # fmt: skip
    yield from (reverse(name) for name in plain)
    for name in ("dashboard", "edit", "schedule", "content", "audience", "proof", "delete"):
        yield reverse(f"deliveries:{name}", args=[draft.pk])
    yield reverse("deliveries:confirm", args=[ready.pk])
    yield reverse("deliveries:dashboard", args=[sent.pk])
    yield reverse("reporting:summary", args=[sent.pk])
    yield reverse("reporting:message", args=[sent.pk, 1])
    for tab in TABS:
        yield reverse("reporting:window", args=[sent.pk, tab])
    yield reverse("reporting:report-on", args=["unit"]) + f"?unit={sent.unit_id}"
    yield reverse("reporting:report-on", args=["engagement"]) + f"?delivery={sent.pk}"
    for name in ("unit", "webhook-create"):
        yield reverse(f"alerts:{name}", args=[draft.unit_id])
    yield reverse("audiences:profile", args=[profile.pk])
    yield reverse("audiences:audience", args=[audience.pk])


def test_no_page_keeps_anybody_out(new_page: Any) -> None:
    unit = UnitFactory()
    boss = UserFactory(
        is_superuser=True, is_staff=True, home_unit=unit, roles={"start": unit, "prepare": unit}
    )
    draft = DeliveryFactory(unit=unit, recipients=1)
    ready = DeliveryFactory(unit=unit, ready=True, recipients=1)
    sent = DeliveryFactory(unit=unit, finished=True, recipients=1)
    Delivery.objects.create(
        unit=unit, label="Natal", schedule_kind="at_date", contact_date=clock.now(), time_zone="UTC"
    )
    pages = list(addresses(draft, ready, sent, ProfileFactory(unit=unit), AudienceFactory(unit=unit)))
    axe, found = Axe(), []

    page = new_page(user=boss)
    page.set_default_timeout(60_000)
    for address in pages:
        page.goto(address, wait_until="domcontentloaded")
        # What unfolds is unfolded; the menus, which lie upon other things, on the first page.
        opened = "details" if address == "/" else "details:not(.menu)"
        page.evaluate(f"document.querySelectorAll('{opened}').forEach(each => each.open = true)")
        for look in looks(page):
            found += violations(axe, page, f"{address} {look}")
            found += too_wide(page, f"{address} {look}")

    assert found == []


def test_what_a_refused_form_says_keeps_nobody_out(new_page: Any) -> None:
    """Each page that creates something, sent without anything filled in, as no browser would by itself."""
    unit = UnitFactory()
    boss = UserFactory(home_unit=unit, roles={"start": unit, "prepare": unit, "administration": unit})
    axe, found = Axe(), []

    page = new_page(user=boss)
    for name in CREATING:
        page.goto(reverse(name), wait_until="domcontentloaded")
        page.evaluate(SEND_THE_LONGEST)
        expect(page.locator(".errorlist, [aria-invalid=true]").first).to_be_visible()
        for look in looks(page):
            found += violations(axe, page, f"{name} refused, {look}")
            found += too_wide(page, f"{name} refused, {look}")

    assert found == []
