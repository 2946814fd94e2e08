"""A field comes into the subject by keyboard alone, with words for whoever has no value."""

import pytest

from accounts.tests.factories import UnitFactory
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_field_with_a_fallback_reaches_the_subject_by_keyboard(new_page):
    unit = UnitFactory()
    delivery = DeliveryFactory(unit=unit, recipients=0)
    window = new_page(user=person("prepare", unit))
    subject = window.locator("#id_subject")

    window.goto(f"/deliveries/{delivery.pk}/content/")
    subject.fill("Hi ")
    for _through_the_other_fields in range(5):
        window.keyboard.press("Tab")
    window.get_by_text("Insert a field").focus()
    window.keyboard.press("Enter")
    window.keyboard.press("Tab")
    window.keyboard.press("Tab")
    window.keyboard.type("o'friend")
    window.get_by_role("button", name="First name").focus()
    window.keyboard.press("Enter")
    window.keyboard.type("!")

    assert subject.input_value() == "Hi {{ profile.first_name|default('o\\'friend') }}!"
    window.get_by_label("Into").select_option("Preheader")
    window.get_by_role("button", name="Unsubscribe link").click()
    assert window.locator("#id_preheader").input_value().endswith("{{ unsubscribe_url }}")
