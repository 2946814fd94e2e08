"""In a browser: a send passes its limit and rests, the bell says so, and whoever may start it lets it go on."""

from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.tests.factories import UnitFactory, UserFactory
from alerts import jobs as alert_jobs
from alerts import limits
from deliveries import jobs
from deliveries.models import Delivery, Message, ScheduleKind, Status
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_send_above_its_limit_rests_until_somebody_resumes_it(new_page: Any, relay: Any, work: Any) -> None:
    unit = UnitFactory()
    administrator = person("administration", unit)
    carla = UserFactory(first_name="Carla", roles={"start": unit})
    waves = {"schedule_kind": ScheduleKind.WAVES, "wave_by": "number", "wave_value": 2, "wave_minutes": 60}
    delivery = DeliveryFactory(unit=unit, scheduled=True, recipients=20, **waves)
    for row in Message.objects.filter(delivery=delivery, seq__lte=4):
        relay.refuse(row.address, "550 5.1.1 No such user")

    # The administrator says above what a send is held.
    page = new_page(user=administrator)
    page.goto(f"/units/{unit.pk}/alerts/")
    page.get_by_label("bounces and errors, per cent of what was sent", exact=False).fill("20")
    page.get_by_label("messages at least", exact=False).fill("4")
    page.get_by_label("Hold a send that passes a limit").select_option("yes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("are saved")).to_be_visible()
    assert limits.of_unit(unit).bounces == Decimal(20)

    # It begins, some of it bounces, and it rests.
    for _begun_then_sent in range(2):
        jobs.tick()
        work()
    assert len(relay.recipients()) == 6
    alert_jobs.look()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.PAUSED

    page = new_page(user=carla)
    page.goto("/")
    page.locator(".bell").click()
    expect(page.get_by_text("Bounces and errors above the limit")).to_be_visible()
    page.get_by_role("link", name=delivery.label).click()
    expect(page.get_by_text("Held by a limit: bounces and errors are")).not_to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".pill").first).to_contain_text("Sending")

    # Nobody is overruled: the same alert holds nothing again.
    alert_jobs.look()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING
