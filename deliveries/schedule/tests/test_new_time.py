"""A new time alone: the same recipients and content under a new seal, decided on anew."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.approval import decisions as approval
from deliveries.approval.decisions import SelfApproval
from deliveries.confirmation import decisions as confirmation
from deliveries.lifecycle import SealMoved, seal
from deliveries.models import Chunk, Message, Status
from deliveries.overview import todo
from deliveries.schedule import rescheduling
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.schedules import TOMORROW, at_a_new_time
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def rows(delivery):
    return list(
        Message.objects.filter(delivery=delivery).order_by("seq").values_list("seq", "address", "values")
    )


def test_recipients_and_content_stay_and_approval_is_asked_again():
    delivery = DeliveryFactory(ready=True)
    before, old = rows(delivery), delivery.latest_preparation()

    at_a_new_time(delivery)

    new = delivery.latest_preparation()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert rows(delivery) == before
    assert (new.number, new.content, new.compiled, new.counted) == (2, old.content, old.compiled, old)
    assert new.seal != old.seal
    assert seal.changes(delivery) == []


def test_where_nobody_is_asked_for_approval_it_stays_ready():
    delivery = DeliveryFactory(unit=UnitFactory(approval_policy=ApprovalPolicy.NONE), ready=True)

    at_a_new_time(delivery)

    assert delivery.status == Status.READY


def test_the_approval_of_the_old_time_does_not_count_for_the_new():
    delivery = DeliveryFactory(ready=True)
    old_seal = delivery.seal
    at_a_new_time(delivery)

    with pytest.raises(SealMoved):
        approval.approve(
            delivery=delivery, seal=old_seal, by=person("approve", delivery.unit), at=clock.now()
        )


@pytest.mark.django_db(transaction=True)
def test_it_leaves_at_the_new_time_and_not_before(relay):
    delivery = at_a_new_time(DeliveryFactory(ready=True))
    unit = delivery.unit
    approval.approve(delivery=delivery, seal=delivery.seal, by=person("approve", unit), at=clock.now())
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=person("start", unit), at=clock.now())

    assert not gate.begin(delivery.pk)
    send(delivery)
    assert relay.recipients() == []
    with clock.shifted(timedelta(days=1, minutes=1)):
        send(delivery)

    assert delivery.status == Status.FINISHED
    assert len(relay.recipients()) == 3


def test_the_gate_of_every_chunk_moves(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = at_a_new_time(DeliveryFactory(ready=True, recipients=5))

    chunks = Chunk.objects.filter(delivery=delivery)

    assert set(chunks.values_list("not_before", flat=True)) == {delivery.contact_date}
    assert sorted(chunks.values_list("seq_from", "handed_upto")) == [(1, 0), (3, 2), (5, 4)]


def test_a_time_in_the_past_drops_it_to_editing():
    delivery = DeliveryFactory(ready=True)

    at_a_new_time(delivery, **TOMORROW, contact_date=clock.now() - timedelta(hours=1))

    assert delivery.status == Status.DRAFT


def test_a_new_time_with_another_change_drops_it_to_editing():
    delivery = DeliveryFactory(ready=True)

    at_a_new_time(delivery, **TOMORROW, contact_date=clock.now() + timedelta(days=1), validity_hours=5)

    assert delivery.status == Status.DRAFT


def test_the_exclusions_of_what_is_kept_are_still_listed(client):
    someone = ProfileFactory(no_email=True)
    delivery = DeliveryFactory(ready=True, audience=AudienceFactory(members=[ProfileFactory(), someone]))
    client.force_login(person("prepare", delivery.unit))

    at_a_new_time(delivery)

    page = client.get(reverse("reporting:window", args=[delivery.pk, "exclusions"]))
    assert f"/{someone.pk}/" in page.content.decode()


def test_who_decides_is_shown_the_change_and_who_approved_the_rest():
    delivery = DeliveryFactory(ready=True)
    approver = person("approve", delivery.unit)

    at_a_new_time(delivery)

    said = rescheduling.in_words(delivery)
    assert said.startswith("Only the time changed: from at once to ")
    assert "America/Sao Paulo. Recipients" in said
    assert said.endswith(f"are those of Preparation 1. {approver} had approved them.")


@pytest.mark.parametrize(("role", "page"), [("approve", "approval"), ("start", "confirm")])
def test_the_pages_of_the_decision_say_that_only_the_time_changed(client, role, page):
    delivery = at_a_new_time(DeliveryFactory(ready=True))
    if page == "confirm":
        by = person("approve", delivery.unit)
        approval.approve(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())
    client.force_login(person(role, delivery.unit))

    shown = client.get(reverse(f"deliveries:{page}", args=[delivery.pk])).content.decode()

    assert "Only the time changed" in shown


def test_four_eyes_bars_whoever_prepared_what_is_kept():
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    first = UserFactory(roles={"prepare": unit, "approve": unit})
    delivery = DeliveryFactory(unit=unit, by=first, awaiting_approval=True)

    at_a_new_time(delivery, by=UserFactory(roles={"prepare": unit}))

    assert delivery not in todo.to_approve(first)
    with pytest.raises(SelfApproval), transaction.atomic():
        approval.approve(delivery=delivery, seal=delivery.seal, by=first, at=clock.now())
