"""The grace delay: “at once” waits a while after OK, by the database's clock, and can be taken back until then."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts import access
from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from campaign.lib import clock
from deliveries import jobs, queues
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.sends import send
from deliveries.tick import look

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

    look.tick()
    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 0
    with clock.shifted(timedelta(seconds=57)):
        look.tick()

    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 1
    assert Delivery.objects.get(pk=delivery.pk).status == Status.SCHEDULED


def test_it_is_taken_back_within_the_delay_and_confirmed_with_a_new_one():
    delivery = DeliveryFactory(scheduled=True)
    starter = person("start", delivery.unit)

    confirmation.take_back(delivery=delivery, by=starter, at=clock.now())
    with clock.shifted(timedelta(seconds=61)):
        look.tick()
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


# -- by unit ----------------------------------------------------------------------------------------------


def asked(delivery):
    by = person("start", delivery.unit)
    return confirmation.question(delivery=delivery, by=by, at=clock.now()).grace


@pytest.mark.parametrize(
    ("above", "own", "seconds"),
    [(None, None, 60), (120, None, 120), (120, 30, 30), (120, 0, 0), (None, 30, 30)],
)
def test_the_nearest_unit_with_a_grace_delay_decides_and_else_the_setting(above, own, seconds):
    parent = UnitFactory(grace_seconds=above)
    delivery = DeliveryFactory(unit=UnitFactory(parent=parent, grace_seconds=own), ready=True)

    assert asked(delivery) == seconds


def test_what_is_confirmed_keeps_its_moment_when_the_unit_changes():
    unit = UnitFactory(grace_seconds=30)
    delivery = DeliveryFactory(unit=unit, scheduled=True)
    confirmed = delivery.confirmations.get()

    change(unit, grace_seconds=600)

    assert confirmed.leaves_at == confirmed.at + timedelta(seconds=30)
    assert gate.due_at(delivery) == confirmed.leaves_at


def change(unit, *, grace_seconds, by=None):
    return units.change_unit(
        unit=unit, label=unit.label, approval_policy=unit.approval_policy, grace_seconds=grace_seconds,
        by=by or UserFactory(is_superuser=True),
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [-1, 24 * 3600 + 1])
def test_a_grace_delay_of_more_than_a_day_or_less_than_none_is_refused(seconds):
    with pytest.raises(units.GraceTooLong):
        change(UnitFactory(), grace_seconds=seconds)


def test_operators_set_it_where_they_edit_units_and_leave_an_event(client):
    unit = UnitFactory(label="Brasil")
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    where = f"/admin/accounts/organizationalunit/{unit.pk}/change/"
    typed = {"label": "Brasil", "parent": unit.parent_id, "approval_policy": unit.approval_policy}

    client.post(where, typed | {"grace_seconds": "45"})
    unit.refresh_from_db()
    assert unit.grace_seconds == 45
    client.post(where, typed | {"grace_seconds": ""})

    unit.refresh_from_db()
    assert unit.grace_seconds is None
    assert AuditEvent.objects.filter(action="change_unit").first().detail["before"]["grace_seconds"] == 45


def test_nobody_else_sets_it():
    unit = UnitFactory()

    with pytest.raises(access.NotAllowed):
        change(unit, grace_seconds=45, by=person("start", unit))
