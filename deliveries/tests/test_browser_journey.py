"""The main job in a real browser, as three people, and one who may not."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.models import Confirmation, Delivery, Status
from deliveries.tests.factories import HTML

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def unit():
    return UnitFactory(label="Marketing")


@pytest.fixture
def audience(unit):
    people = ProfileFactory.create_batch(5, unit=unit)
    ProfileFactory(unit=unit, email="")
    return AudienceFactory(
        unit=unit, label="Coffee club", members=[*people, ProfileFactory(unit=unit, no_email=True)]
    )


def person(first_name, role, unit):
    return UserFactory(first_name=first_name, last_name="Reis", roles={role: unit}, home_unit=unit)


def the(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_prepare_approve_confirm_send_as_three_people(unit, audience, new_page, work, relay):
    ana = new_page(user=person("Ana", "prepare", unit))
    bruno = new_page(user=person("Bruno", "approve", unit))
    carla = new_page(user=person("Carla", "start", unit))

    # Ana makes it: one page, then the content, with a live preview beside it.
    ana.goto("/")
    ana.get_by_role("link", name="New delivery").first.click()
    ana.get_by_label("Label").fill("Spring harvest")
    ana.get_by_label("Audience").select_option(label="Coffee club · Marketing")
    expect(ana.locator("#audience-facts")).to_contain_text("6")
    ana.get_by_label("At once, when confirmed").check()
    the(ana, "Save and write the content").click()
    ana.get_by_label("Subject").fill("Hello ")
    ana.get_by_text("Insert a field").click()
    ana.get_by_role("button", name="First name").click()
    expect(ana.get_by_label("Subject")).to_have_value("Hello {{ profile.first_name }}")
    ana.get_by_label("Sender's name").fill("Serra Alta")
    ana.get_by_label("Sender's address").fill("news@serra-alta.example.com")
    ana.get_by_label("HTML", exact=True).fill(HTML)
    expect(ana.frame_locator("#preview iframe").get_by_text("Hello there,")).to_be_visible()
    the(ana, "Save and close").click()

    # She prepares it, and the page moves on by itself.
    expect(ana.get_by_text("All settings are there")).to_be_visible()
    the(ana, "Prepare").click()
    expect(ana.locator(".pill").first).to_have_text("Preparing")
    work()
    expect(ana.locator(".pill").first).to_have_text("Waiting for approval")
    expect(ana.get_by_text("Prepared and sealed")).to_be_visible()
    expect(ana.locator(".causes").first).to_contain_text("Opted out 1")
    expect(the(ana, "Confirm send")).to_have_count(0)

    # Bruno finds it waiting for him, looks at it and approves it.
    bruno.goto("/waiting/")
    bruno.get_by_role("link", name="Look and decide").click()
    expect(bruno.frame_locator(".frame--phone iframe").get_by_text("Hello")).to_be_visible()
    the(bruno, "Approve").click()
    expect(bruno.get_by_text("Approved. It waits for its confirmation now.")).to_be_visible()

    # Ana may prepare but not send; the page, which looks again by itself, says whom to ask.
    expect(
        ana.get_by_text("You may prepare this delivery but not send it. Ask one of: Carla Reis.")
    ).to_be_visible(timeout=20_000)

    # Carla confirms in two steps.
    carla.goto("/waiting/")
    carla.get_by_role("link", name="Spring harvest").click()
    the(carla, "Confirm send").click()
    expect(carla.get_by_role("heading", name="Send 5 messages?")).to_be_visible()
    expect(carla.get_by_text("Hello {{ profile.first_name }}")).to_be_visible()
    the(carla, "OK").click()
    expect(carla.locator(".pill").first).to_have_text(re.compile("Starting|Sending"))

    # The messages leave, and the page comes to its end by itself.
    work()
    expect(carla.locator(".pill").first).to_have_text("Finished")
    assert sorted(relay.recipients()) == sorted(audience_addresses(audience))
    assert Confirmation.objects.get().by.first_name == "Carla"


def audience_addresses(audience):
    return [m.profile.email for m in audience.members.select_related("profile") if not m.profile.no_email]


def test_one_who_may_not_is_refused_even_by_a_forged_post(unit, audience, new_page):
    from deliveries.tests.factories import DeliveryFactory

    delivery = DeliveryFactory(unit=unit, audience=audience, ready=True)
    dora = person("Dora", "prepare", unit)
    page = new_page(user=dora)
    page.goto(f"/deliveries/{delivery.pk}/")

    status = page.evaluate(
        """async ([url, seal]) => {
            const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
            const answer = await fetch(url, {method: "POST", body: new URLSearchParams({seal}), headers: {"X-CSRFToken": token}});
            return answer.status;
        }""",
        [f"/deliveries/{delivery.pk}/confirm/", delivery.seal],
    )

    assert status == 403
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
    assert AuditEvent.objects.filter(actor=dora, refused=True, target_id=str(delivery.pk)).exists()


def test_the_whole_journey_without_javascript(unit, audience, new_page, work, relay):
    everything = UserFactory(roles={"start": unit, "approve": unit}, home_unit=unit)
    page = new_page(user=everything, java_script_enabled=False)

    page.goto("/deliveries/new/")
    page.get_by_label("Label").fill("No script")
    page.get_by_label("Audience").select_option(label="Coffee club · Marketing")
    page.get_by_label("At once, when confirmed").check()
    the(page, "Save and write the content").click()
    page.get_by_label("Subject").fill("Plain")
    page.get_by_label("Sender's address").fill("news@serra-alta.example.com")
    page.get_by_label("HTML", exact=True).fill(HTML)
    the(page, "Save and close").click()
    the(page, "Prepare").click()
    work()
    the(page, "Approve").click()  # the page looks again by itself
    the(page, "Approve").click()
    the(page, "Confirm send").click()
    the(page, "OK").click()
    work()

    expect(page.locator(".pill").first).to_have_text("Finished", timeout=20_000)
