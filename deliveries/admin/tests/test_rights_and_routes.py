"""Rights on one delivery and routes are changed at the desk by their verbs."""

import pytest
from django.test import Client

from accounts import access
from accounts.models import AuditEvent, OrganizationalUnit
from accounts.rights import Right
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UserFactory
from deliveries.models import DeliveryUserPermission, Route
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def test_a_right_on_one_delivery_is_given_and_taken_back(boss: Client, unit: OrganizationalUnit) -> None:
    delivery, guest = DeliveryFactory(unit=unit, ready=True), UserFactory()
    url = "/admin/deliveries/deliveryuserpermission/"

    boss.post(f"{url}add/", {"user": guest.pk, "delivery": delivery.name, "right": "start_deliveries"})

    assert access.can(guest, Right.START, delivery)
    grant = DeliveryUserPermission.objects.get()
    assert boss.get(f"{url}{grant.pk}/change/").status_code == 200
    boss.post(f"{url}{grant.pk}/delete/", {"post": "yes"})
    assert not access.can(guest, Right.START, delivery)


def test_nobody_gives_himself_start_on_one_delivery(unit: OrganizationalUnit) -> None:
    boss, delivery = UserFactory(is_staff=True, is_superuser=True), DeliveryFactory(unit=unit, ready=True)

    answer = signed_in(boss).post(
        "/admin/deliveries/deliveryuserpermission/add/",
        {"user": boss.pk, "delivery": delivery.name, "right": "start_deliveries"},
    )

    assert "to himself" in answer.content.decode()
    assert not DeliveryUserPermission.objects.exists()


def test_a_route_is_saved_by_its_verb(boss: Client, starter: Client) -> None:
    posted = {
        "label": "Relay",
        "is_default": "on",
        "host": "relay.example",
        "port": 25,
        "tls": "none",
        "connections": 4,
        "messages_per_connection": 0,
    }

    assert starter.post("/admin/deliveries/route/add/", posted).status_code == 403
    boss.post("/admin/deliveries/route/add/", posted)

    assert Route.objects.get(label="Relay").is_default
    assert AuditEvent.objects.filter(action="save_route").exists()
