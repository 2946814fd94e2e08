"""A first delivery in five steps: who sees them, what ticks them off, that they can be put aside."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.management.tests.calling import run
from deliveries.models import Delivery, Proof, ProofMessage
from deliveries.tests.factories import CONTENT, DeliveryFactory, person
from home import guide

pytestmark = pytest.mark.django_db


def done(user):
    found = guide.of(user, at=clock.now())
    return None if found is None else [step.code for step in found.steps if step.is_done]


def test_each_step_ticks_itself_off_by_what_there_is():
    unit = UnitFactory()
    ana = person("prepare", unit)
    assert done(ana) == []
    assert guide.of(ana, at=clock.now()).next.to == reverse("audiences:list")

    others = DeliveryFactory(unit=unit, recipients=1)
    Delivery.objects.update(
        created_by=None
    )  # an audience is there for all; a delivery counts for whoever made it
    assert done(ana) == ["audience"]

    mine = drafting.create(by=ana, unit=unit, label="Mine", audience=others.audience)
    assert guide.of(ana, at=clock.now()).next.to == reverse("deliveries:content", args=[mine.pk])
    drafting.write(delivery=mine, by=ana, at=clock.now(), **CONTENT)
    assert done(ana) == ["audience", "content"]

    sent = DeliveryFactory(unit=unit, finished=True, recipients=1)
    Delivery.objects.filter(pk=sent.pk).update(created_by=ana)
    sent.refresh_from_db()
    assert done(ana) == ["audience", "content", "prepared", "confirmed"]

    proof = Proof.objects.create(delivery=sent, content=sent.content, number=1, by=ana, at=clock.now())
    ProofMessage.objects.create(proof=proof, address="a@example.com", status="sent")
    assert guide.of(ana, at=clock.now()).next is None
    assert guide.of(ana, at=clock.now() + timedelta(days=3)) is None


def test_it_is_for_those_who_prepare_and_can_be_put_aside_and_shown_again():
    unit = UnitFactory()
    ana, bruno = person("prepare", unit), person("approve", unit)
    client = Client()
    client.force_login(ana)

    shown = client.get("/").content.decode()
    client.post(reverse("home:guide"), {"guide": "dismiss"})
    aside = client.get("/").content.decode()
    told = run("show_home", "--as", ana.username)
    client.post(reverse("home:guide"), {"guide": "show"})

    assert "Your first delivery" in shown
    assert "Your first delivery" not in aside
    assert "Show the guide to a first delivery" in aside
    assert told["first_delivery"] is None
    assert len(run("show_home", "--as", ana.username)["first_delivery"]) == 5
    assert run("show_home", "--guide", "dismiss", "--as", ana.username)["first_delivery"] is None
    assert guide.of(bruno, at=clock.now()) is None
