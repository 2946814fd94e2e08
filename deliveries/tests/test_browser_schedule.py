"""The schedule in a browser: what belongs to a kind shows with it, and what was chosen can be read again."""

import pytest
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def delivery():
    return DeliveryFactory(unit=UnitFactory(approval_policy=ApprovalPolicy.NONE))


def test_waves_are_chosen_and_shown_in_a_sentence(new_page, delivery):
    page = new_page(user=person("prepare", delivery.unit))
    page.goto(reverse("deliveries:schedule", args=[delivery.pk]))

    page.check("input[value=waves]")
    assert page.is_visible("#id_wave_value")
    assert not page.is_visible("#id_date")
    page.select_option("#id_wave_start", "at_date")
    assert page.is_visible("#id_date")
    page.select_option("#id_wave_start", "at_once")
    page.fill("#id_wave_value", "3")
    page.fill("#id_wave_limit", "2.5")
    page.get_by_role("button", name="Save").click()

    page.wait_for_selector("text=In 3 waves, 60 minutes apart")
    assert "held above 2.5% bounces and errors" in page.content()


def test_a_local_hour_asks_for_the_hour_the_fallback_and_those_whose_hour_has_passed(new_page, delivery):
    page = new_page(user=person("prepare", delivery.unit))
    page.goto(reverse("deliveries:schedule", args=[delivery.pk]))
    assert not page.is_visible("#id_past_choice")

    page.check("input[value=local_hour]")
    page.select_option("#id_time_zone", "Asia/Kathmandu")
    page.select_option("#id_past_choice", "leave_out")
    assert not page.is_visible("#id_wave_value")
    page.get_by_role("button", name="Save").click()

    page.wait_for_selector("text=Asia/Kathmandu for those without one")


def test_the_schedule_fits_a_phone(new_page, delivery):
    page = new_page(user=person("prepare", delivery.unit), viewport={"width": 390, "height": 800})
    page.goto(reverse("deliveries:schedule", args=[delivery.pk]))
    page.check("input[value=waves]")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
