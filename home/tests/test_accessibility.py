"""WCAG 2.2 AA by axe-core: every page, open menus and dialogs, wide and narrow, light and dark; no violation.

On the same visits each page fits: none scrolls sideways, whatever names are in it.
"""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Error, expect

from accounts.tests.factories import UnitFactory, UserFactory
from benchmarks import pages_urls
from home.tests import every_page
from home.tests.axe import LOOKS, in_each_look

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PARTS = 6
SAYS_SO = {403, 404, 405}  # nobody may; there is none in this house; POST alone
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


@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_keeps_anybody_out(part: int, new_page: Any) -> None:
    """Each named address shows a page, and one that is for everybody, or is elsewhere for a reason."""
    boss, keys = every_page.house()
    page = new_page(user=boss, viewport={"width": 1366, "height": 900})
    page.set_default_timeout(60_000)
    client, axe, found = Client(), Axe(), []
    client.force_login(boss)

    for number, (name, address) in [*enumerate(every_page.addresses(keys))][part::PARTS]:
        status = opened(page, address) or client.get(address).status_code
        if status in SAYS_SO:
            continue
        if status == 200 and not page.title():  # a frame of a page: what an author wrote
            continue
        if status != 200:
            found.append(f"{name} {address}: {status}, no page, and no word of why")
            continue
        # What unfolds is unfolded; the menus, which lie upon other things, on the first page.
        unfolded = "details" if address == "/" else "details:not(.menu)"
        page.evaluate(f"document.querySelectorAll('{unfolded}').forEach(each => each.open = true)")
        # The desk's pages are of few kinds: each is seen in one look, and its like in the other.
        wanted = [LOOKS[number // PARTS % 2]] if name.startswith("admin:") else LOOKS
        found += in_each_look(axe, page, address, wanted=wanted)

    assert found == []


def opened(page: Any, address: str) -> int:
    """The status of what the browser was answered; 0 where it shows an empty answer as a page of its own."""
    page.set_viewport_size({"width": LOOKS[0][0], "height": 900})
    page.emulate_media(color_scheme=LOOKS[0][1])
    try:
        answer = page.goto(address, wait_until="load")
    except Error:
        return 0
    return answer.status if answer else 0


def test_what_is_looked_at_elsewhere_is_an_address() -> None:
    assert set(every_page.ELSEWHERE) - set(pages_urls.names()) == set()


def test_what_a_refused_form_says_keeps_nobody_out(new_page: Any) -> None:
    """Each page that creates something, sent without anything filled in, as no browser would by itself."""
    unit = UnitFactory()
    boss = UserFactory(home_unit=unit, roles={"start": unit, "prepare": unit, "administration": unit})
    axe, found = Axe(), []

    page = new_page(user=boss, viewport={"width": 1366, "height": 900})
    for name in CREATING:
        page.goto(reverse(name), wait_until="domcontentloaded")
        page.evaluate(SEND_THE_LONGEST)
        expect(page.locator(".errorlist, [aria-invalid=true]").first).to_be_visible()
        found += in_each_look(axe, page, f"{name} refused")

    assert found == []
