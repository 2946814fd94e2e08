"""A marketer's first hour in a real browser: from a messy file to a send, and from sign-in to a send by keys alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from accounts.tests.factories import PASSWORD, UnitFactory, UserFactory
from audiences.models import Attribute
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory
from deliveries.models import Delivery, ScheduleKind, Status
from home.tests.axe import violations

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CUSTOMERS = Path(settings.BASE_DIR) / "docs" / "tutorial" / "customers.csv"
EVERYTHING = ("prepare", "import", "approve", "start")


@pytest.fixture
def unit() -> Any:
    return UnitFactory(label="Café Aurora", approval_policy="one")


def marketer(unit: Any, **values: Any) -> Any:
    return UserFactory(first_name="Ana", home_unit=unit, roles=dict.fromkeys(EVERYTHING, unit), **values)


def test_a_template_a_messy_file_and_a_rule_end_with_a_confirmed_send(
    unit: Any, new_page: Any, work: Any, relay: Any
) -> None:
    AttributeFactory(name="points", label="Points", kind=Attribute.Kind.NUMBER)
    page = new_page(user=marketer(unit))
    page.set_default_timeout(30_000)

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    # Home says what comes first, and leads there: the file of another tool, looked at before it comes in.
    page.goto("/")
    expect(page.get_by_text("0 of 5 steps are done")).to_be_visible()
    page.goto("/imports/")
    page.get_by_label("CSV file").set_input_files(CUSTOMERS)
    press("Dry run")
    page.get_by_text("0 rows read").wait_for()
    work()
    page.get_by_label("Where they stand", exact=True).select_option("Status of the subscription")
    press("Look through it again")
    page.get_by_text("0 rows read").wait_for()
    work()
    page.get_by_text("Nothing has come in yet").wait_for()
    press("Import")
    page.get_by_text("0 rows read").wait_for()
    work()
    page.get_by_text("The profiles are here").wait_for()

    # A rule, counted while it is written; its count stands in the list of audiences.
    page.goto("/audiences/new/")
    page.get_by_label("Label").fill("Regulars")
    page.get_by_label("Field").select_option("Points")
    page.get_by_label("Comparison").select_option("is at least")
    page.get_by_label("Value").fill("50")
    expect(page.locator("#said .dialog__figure")).to_contain_text("8")
    page.get_by_role("button", name="Save").last.click()
    page.get_by_role("heading", name="Regulars").wait_for()
    page.goto("/audiences/")
    expect(page.locator("td[data-label=People]")).to_contain_text("8")

    # A delivery that begins with a template.
    page.goto("/")
    page.get_by_role("link", name="A delivery with a content").click()
    page.get_by_label("Label").fill("Hello from Café Aurora")
    page.get_by_label("Audience").select_option(label="Regulars · Café Aurora")
    page.get_by_label("At once, when confirmed").check()
    press("Save and write the content")
    page.get_by_role("link", name="Begin with a template").click()
    page.locator("button[value='letter.en']").click()
    page.get_by_label("Sender's name").fill("Café Aurora")
    page.get_by_label("Sender's address").fill("news@cafe.example")
    press("Save and close")

    press("Prepare")
    work()
    press("Approve")
    press("Approve")
    page.goto("/")
    expect(page.get_by_text("3 of 5 steps are done")).to_be_visible()
    page.get_by_role("link", name="Approved and confirmed").click()
    press("Confirm send")
    expect(page.get_by_role("heading", name="Send 4 messages?")).to_be_visible()
    press("OK")
    work()

    expect(page.locator(".pill").first).to_have_text("Finished", timeout=60_000)
    assert set(relay.recipients()) == {
        "ana@cafe.example",
        "Bia@Cafe.example",
        "eva@cafe.example",
        "fred@cafe.example",
    }
    page.goto("/")
    expect(page.get_by_text("4 of 5 steps are done")).to_be_visible()


MOST_TABS = 120
SEEN = """element => { const style = getComputedStyle(element), around = element.closest('label, .check, .field') || element;
    const looks = [style, getComputedStyle(around)];
    return looks.some(each => each.outlineStyle !== 'none' || each.boxShadow !== 'none'); }"""


def reach(page: Page, target: Locator) -> None:
    """Come to it by the tabulator alone, and see where one is."""
    expect(target).to_be_visible(timeout=60_000)  # pages look again by themselves
    for _ in range(MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            assert target.evaluate(SEEN), f"nothing shows that {target} has the focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no key leads to {target}")


def test_from_sign_in_to_a_confirmed_send_by_keyboard_alone(
    unit: Any, new_page: Any, work: Any, relay: Any
) -> None:
    marketer(unit, username="ana")
    people = ProfileFactory.create_batch(2, unit=unit)
    AudienceFactory(unit=unit, label="Friends", members=people)
    page, axe, found = new_page(), Axe(), []
    page.set_default_timeout(60_000)

    def enter(role: str, name: str, key: str = "Enter") -> None:
        reach(page, page.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]  # a role of ARIA
        page.keyboard.press(key)

    def write(label: str, text: str) -> None:
        reach(page, page.get_by_label(label).first)
        page.keyboard.insert_text(text)

    page.goto("/login/")
    write("Username", "ana")
    write("Password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Hello, Ana").wait_for()

    # The first key leads past the menu; the menu of the person opens and closes by keys too.
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    enter("link", "New delivery")
    write("Label", "By keys")
    reach(page, page.get_by_label("Audience"))
    page.keyboard.type("Friends")
    reach(page, page.locator("[name=schedule_kind]:checked"))
    at_once = page.get_by_label("At once, when confirmed")
    for _ in range(len(ScheduleKind)):
        if not at_once.is_checked():
            page.keyboard.press("ArrowDown")
    expect(at_once).to_be_checked()
    enter("button", "Save and write the content")

    page.get_by_label("Subject").wait_for()
    enter("link", "Begin with a template")
    page.locator("button[value='letter.en']").wait_for()
    reach(page, page.locator("button[value='letter.en']"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Subject")).to_have_value("What this letter is about")
    found += violations(axe, page, "the editor with a template")
    write("Sender's name", "Café Aurora")
    write("Sender's address", "news@cafe.example")
    enter("button", "Save and close")

    enter("button", "Prepare")
    expect(page.locator(".pill").first).to_have_text("Preparing", timeout=60_000)
    work()
    enter("button", "Approve")
    page.wait_for_url("**/approval/**")
    found += violations(axe, page, "the approval")
    enter("button", "Approve")
    enter("button", "Confirm send")
    page.get_by_role("heading", name="Send 2 messages?").wait_for()
    found += violations(axe, page, "the question before the send")
    enter("button", "OK")
    expect(page.locator(".pill").first).to_have_text(re.compile("Starting|Sending"), timeout=60_000)
    work()

    expect(page.locator(".pill").first).to_have_text("Finished", timeout=60_000)
    assert Delivery.objects.get().status == Status.FINISHED
    assert sorted(relay.recipients()) == sorted(profile.email for profile in people)
    assert found == []
