"""A series in a real browser: its sentence, its activation, a run confirmed by one who may, and one that expires."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.models import Delivery, Status
from deliveries.tests.factories import DeliveryFactory, audience_of
from deliveries.tests.series import go_to, next_of, runs, series_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("real_time_again"),
]


def somebody(first_name, role, unit):
    return UserFactory(first_name=first_name, last_name="Reis", roles={role: unit}, home_unit=unit)


def the(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_a_series_is_said_in_a_sentence_prepared_and_activated(new_page, work, relay):
    unit = UnitFactory(label="Marketing")
    delivery = DeliveryFactory(unit=unit, audience=audience_of(unit, 3))
    ana, carla = (
        new_page(user=somebody("Ana", "prepare", unit)),
        new_page(user=somebody("Carla", "start", unit)),
    )

    # Ana says when it recurs, and sees the next ten runs while she does.
    ana.goto(f"/deliveries/{delivery.pk}/schedule/")
    ana.get_by_label("Recurring").check()
    expect(ana.get_by_label("Request confirmation before sending")).to_be_checked()
    ana.get_by_label("Unit of time").select_option(label="months")
    ana.get_by_label("on a weekday of the month").check()
    ana.get_by_label("Which one").select_option(label="second")
    ana.locator("select[name=weekday]").select_option(label="Tuesday")
    expect(ana.locator(".occurrences__words")).to_contain_text("Every month on the second Tuesday at 09:00")
    expect(ana.locator("#occurrences time")).to_have_count(10)
    expect(ana.get_by_label("Rule", exact=True)).to_be_hidden()
    the(ana, "Save").click()
    the(ana, "Prepare").click()
    work()
    expect(ana.get_by_text("It waits for an approval.")).to_be_visible()
    bruno = new_page(user=somebody("Bruno", "approve", unit))
    bruno.goto("/waiting/")
    bruno.get_by_role("link", name="Look and decide").click()
    the(bruno, "Approve").click()

    # Carla activates it in two steps.
    carla.goto(f"/deliveries/{delivery.pk}/")
    the(carla, "Activate").click()
    expect(carla.get_by_role("heading", name="Activate this series?")).to_be_visible()
    the(carla, "OK").click()

    expect(carla.locator(".pill").first).to_have_text("Active")
    assert Delivery.objects.get(pk=delivery.pk).status == Status.ACTIVE


def test_a_run_is_confirmed_by_one_who_may_and_not_by_one_who_may_not(new_page, work, relay):
    series = series_of(recipients=2)
    ana = new_page(user=somebody("Ana", "prepare", series.unit))
    carla = new_page(user=somebody("Carla", "start", series.unit))
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)

    # Ana, who may not, finds no button and no way round.
    ana.goto(f"/deliveries/{run.pk}/")
    expect(the(ana, "Confirm send")).to_have_count(0)
    expect(ana.get_by_role("note")).to_contain_text("You may prepare this delivery but not send it")
    ana.goto("/waiting/")
    expect(ana.get_by_text(run.label)).to_have_count(0)

    # Carla was told, finds it waiting, and confirms it.
    carla.goto("/waiting/")
    expect(carla.locator(".notices")).to_contain_text("Waiting for confirmation")
    carla.get_by_role("link", name="Look and confirm").click()
    the(carla, "Confirm send").click()
    expect(carla.get_by_text("2 messages to deliver")).to_be_visible()
    the(carla, "OK").click()
    expect(carla.locator(".pill").first).to_have_text("Scheduled")
    assert relay.recipients() == []

    go_to(moment + timedelta(seconds=1))
    work()

    expect(carla.locator(".pill").first).to_have_text("Finished", timeout=20_000)  # the page looks by itself
    assert len(relay.recipients()) == 2


def test_a_run_that_nobody_confirms_expires_before_everybodys_eyes(new_page, work, relay):
    series = series_of(recipients=2, expires_minutes=60)
    carla = new_page(user=somebody("Carla", "start", series.unit))
    moment = next_of(series)
    go_to(moment - timedelta(minutes=30))
    work()
    (run,) = runs(series)
    carla.goto(f"/deliveries/{run.pk}/")
    expect(carla.get_by_text("Expires unconfirmed")).to_be_visible()

    go_to(moment + timedelta(minutes=61))

    carla.reload()
    expect(carla.locator(".pill").first).to_have_text("Expired")
    expect(carla.locator(".callouts")).to_contain_text("nobody confirmed it in time")
    expect(the(carla, "Confirm send")).to_have_count(0)
    carla.goto("/waiting/")
    expect(carla.locator(".notices")).to_contain_text("Expired")
    assert relay.recipients() == []
