"""Operators stop all sending and allow it again at the desk."""

import pytest

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from deliveries.models import Halt
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.halts import stop_all

pytestmark = pytest.mark.django_db
DESK = "/admin/deliveries/halt/"


def test_operators_stop_and_allow_at_the_desk(client):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    client.force_login(UserFactory(is_staff=True, roles={"start": root()}))

    listed = client.get(DESK).content.decode()
    asked = client.get(f"{DESK}stop/").content.decode()
    said = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": "Wrong price"}).content.decode()
    halt = Halt.objects.in_force().get()
    row = client.get(f"{DESK}{halt.pk}/change/").content.decode()
    client.post(f"{DESK}{halt.pk}/allow/")

    assert "Stop all sending" in listed
    assert delivery.label in asked
    assert "3 are held" in said
    assert "Allow sending again" in row
    assert not Halt.objects.in_force().exists()
    faces = AuditEvent.objects.filter(action__in=["stop_all_sending", "allow_sending"])
    assert list(faces.values_list("face", flat=True)) == ["admin", "admin"]


def test_the_desk_asks_for_a_reason_too(client):
    client.force_login(UserFactory(is_staff=True, roles={"start": root()}))

    answer = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": " "}, follow=True)

    assert "Say why" in answer.content.decode()
    assert not Halt.objects.exists()


def test_a_superuser_without_start_is_shown_no_button_and_gets_403_and_an_event(client):
    stop_all()
    halt = Halt.objects.in_force().get()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    shown = client.get(DESK).content.decode() + client.get(f"{DESK}{halt.pk}/change/").content.decode()
    stopped = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": "x"})
    allowed = client.post(f"{DESK}{halt.pk}/allow/")

    assert f'action="{DESK}' not in shown
    assert (stopped.status_code, allowed.status_code) == (403, 403)
    assert AuditEvent.objects.filter(refused=True, face="admin").count() == 2
    assert Halt.objects.in_force().get() == halt


def test_a_stop_in_a_parallel_branch_is_hidden_at_the_desk(client):
    halt = stop_all(UnitFactory()).halt
    client.force_login(UserFactory(is_staff=True, roles={"start": UnitFactory()}))

    assert client.post(f"{DESK}{halt.pk}/allow/").status_code == 404
    assert client.get(f"{DESK}{halt.pk}/allow/").status_code == 405
