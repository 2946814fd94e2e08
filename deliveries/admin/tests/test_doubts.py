"""Unknown outcomes at the operators' desk."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.models import Doubt, Message
from deliveries.tests.ledger_rows import statuses
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    made = delivery_with(sent=1, in_doubt=2)
    Doubt.objects.filter(delivery=made).update(since=clock.now() - timedelta(hours=1))
    return made


def staff(role, delivery):
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={role: delivery.unit}))
    return client


def path(delivery):
    return f"/admin/deliveries/delivery/{delivery.pk}/step/unknown-outcomes/"


def test_the_desk_lists_them_and_counts_the_ticked_as_sent(delivery):
    desk = staff("start", delivery)

    asked = desk.get(path(delivery)).content.decode()
    desk.post(
        path(delivery), {"which": "chosen", "seq": ["2"], "decision": "count_as_sent", "reason": "Seen"}
    )

    assert Message.objects.get(delivery=delivery, seq=2).address in asked
    assert statuses(delivery) == ["SENT", "SENT", "IN_DOUBT"]


def test_send_again_must_be_meant(delivery):
    desk = staff("start", delivery)
    order = {"which": "all", "decision": "send_again", "reason": "Lost"}

    refused = desk.post(path(delivery), order, follow=True).content.decode()
    assert "may get the message twice" in refused
    assert statuses(delivery) == ["SENT", "IN_DOUBT", "IN_DOUBT"]
    desk.post(path(delivery), order | {"sure": "yes"})

    assert statuses(delivery) == ["SENT", "RETRYING", "RETRYING"]


def test_the_button_is_there_for_who_may_start_and_while_something_is_unknown(delivery):
    change = f"/admin/deliveries/delivery/{delivery.pk}/change/"
    button = "Decide about unknown outcomes"
    desk = staff("start", delivery)

    assert button in desk.get(change).content.decode()
    assert button not in staff("prepare", delivery).get(change).content.decode()
    desk.post(path(delivery), {"which": "all", "decision": "count_as_sent", "reason": "Seen"})
    assert button not in desk.get(change).content.decode()


def test_the_list_shows_addresses_and_finds_one(delivery):
    desk, row = staff("start", delivery), Message.objects.get(delivery=delivery, seq=3)

    listed = desk.get(f"/admin/deliveries/delivery/{delivery.pk}/list/unknown-outcomes/?q={row.address}")

    assert row.address in listed.content.decode()
    assert Message.objects.get(delivery=delivery, seq=2).address not in listed.content.decode()
