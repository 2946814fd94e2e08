"""What is typed survives the end of a session, in a real browser."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from accounts.tests.factories import PASSWORD, UnitFactory, UserFactory
from deliveries import drafting
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


def test_a_content_begins_with_a_template_is_written_in_colours_and_kept_while_it_is(new_page):
    unit = UnitFactory()
    ana = UserFactory(roles={"prepare": unit}, home_unit=unit)
    draft = drafting.create(by=ana, unit=unit, label="Spring")
    page = new_page(user=ana)
    page.set_default_timeout(30_000)  # the editor with colours has files of its own
    refused = []
    page.on(
        "console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None
    )
    page.goto(f"/deliveries/{draft.pk}/content/")

    # The page is begun with a template that is seen first.
    page.get_by_role("link", name="Begin with a template").click()
    expect(page.frame_locator("iframe").first.locator("h1").first).to_be_attached()
    page.locator("button[value='letter.en']").click()
    expect(page.get_by_label("Subject")).to_have_value("What this letter is about")

    # With colours and numbers of lines; a field comes where the caret is.
    page.get_by_role("button", name="Colours and line numbers").click()
    lines = page.locator(".source .ace_line")
    expect(lines.first).to_contain_text("<!doctype html>")
    expect(page.locator(".source .ace_gutter-cell").first).to_be_visible()
    expect(page.locator(".source .ace_meta.ace_tag").first).to_be_visible()
    page.locator(".source .ace_content").click(position={"x": 60, "y": 8})
    page.keyboard.press("Control+Home")
    page.get_by_text("Insert a field").click()
    page.get_by_role("button", name="First name").click()
    page.keyboard.type("<!-- mine -->")

    # It is kept without a click, and gone on with another day.
    expect(page.get_by_text("Kept as your draft")).to_be_visible()
    assert draft.drafts.get().html.startswith("{{ profile.first_name }}<!-- mine -->")
    again = page.context.new_page()
    again.goto(f"/deliveries/{draft.pk}/content/")
    again.get_by_role("link", name="Go on with it").click()
    expect(again.locator(".source .ace_line").first).to_contain_text("<!-- mine -->")
    again.get_by_role("button", name="Save", exact=True).click()
    expect(again.get_by_text("Saved as version 2")).to_be_visible()
    assert draft.contents.first().html.startswith("{{ profile.first_name }}<!-- mine -->")
    assert not draft.drafts.exists()
    assert refused == []
