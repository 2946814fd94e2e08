"""The grace delay: “at once” waits a while after OK, by the database's clock, and can be taken back until then."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries import confirmation, jobs, queues, scheduling
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.test_engine_attacks import send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sixty_seconds(settings):
    settings.SINETE = settings.SINETE | {"grace_seconds": 60}


def test_nothing_leaves_before_the_grace_delay_is_over(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=2)

    with clock.shifted(timedelta(seconds=50)):
        assert not gate.begin(delivery.pk)
        send(delivery)
        assert delivery.status == Status.SCHEDULED
        assert relay.recipients() == []
    with clock.shifted(timedelta(seconds=61)):
        send(delivery)

    assert len(relay.recipients()) == 2
    assert delivery.status == Status.FINISHED


def test_a_lane_that_was_woken_ahead_waits_at_the_gate(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)
    due = delivery.confirmations.get().leaves_at

    with clock.shifted(timedelta(seconds=58)):
        jobs.drain(delivery_id=delivery.pk)

    delivery.refresh_from_db()
    assert len(relay.recipients()) == 1
    assert delivery.started_at >= due


def test_the_tick_wakes_lanes_a_little_ahead_and_not_sooner():
    delivery = DeliveryFactory(scheduled=True)

    scheduling.tick()
    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 0
    with clock.shifted(timedelta(seconds=57)):
        scheduling.tick()

    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 1
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SCHEDULED


def test_it_is_taken_back_within_the_delay_and_confirmed_with_a_new_one():
    delivery = DeliveryFactory(scheduled=True)
    starter = person("start", delivery.unit)

    confirmation.take_back(delivery=delivery, by=starter, at=clock.now())
    with clock.shifted(timedelta(seconds=61)):
        scheduling.tick()
        assert Delivery.objects.get(pk=delivery.pk).status == Status.READY
        confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now())
        assert not gate.begin(delivery.pk)


def test_a_dated_delivery_has_no_delay_beside_its_date():
    delivery = DeliveryFactory(
        scheduled=True, schedule_kind=ScheduleKind.AT_DATE, contact_date=clock.now() + timedelta(hours=1)
    )

    assert delivery.confirmations.get().leaves_at is None
    with clock.shifted(timedelta(hours=1, seconds=1)):
        assert gate.begin(delivery.pk)


def test_without_the_setting_it_leaves_at_once(settings):
    settings.SINETE = settings.SINETE | {"grace_seconds": 0}
    delivery = DeliveryFactory(scheduled=True)

    assert delivery.confirmations.get().leaves_at is None
    assert gate.begin(delivery.pk)


def test_the_second_step_and_the_dashboard_say_so():
    delivery = DeliveryFactory(ready=True)
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={"start": delivery.unit}))

    asked = client.get(f"/deliveries/{delivery.pk}/confirm/").text
    desk = client.get(f"/admin/deliveries/delivery/{delivery.pk}/step/confirm/").text
    client.post(f"/deliveries/{delivery.pk}/confirm/", {"seal": delivery.seal})
    shown = client.get(f"/deliveries/{delivery.pk}/").text

    assert "60 seconds after OK; until then you can take it back" in asked
    assert "60 seconds after OK" in desk
    assert f"{delivery.confirmations.get().leaves_at:%H:%M:%S}" in shown
    assert "Take back confirmation" in shown
