"""The first administrator is led from an empty database to a first delivery."""

import json
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.models import Route, Sender
from deliveries.tests.factories import DeliveryFactory
from home import first_steps

pytestmark = pytest.mark.django_db


def missing():
    return {step.code for step in first_steps.of_installation(at=clock.now()) if not step.is_done}


def page(user):
    client = Client()
    client.force_login(user)
    return client.get(reverse("home:first-steps")), client.get("/")


def test_an_empty_database_misses_all_and_each_step_takes_what_it_asked_for_away():
    everything = {
        "units",
        "people",
        "route",
        "sender",
        "dns",
        "return_path",
        "recipients",
        "proof",
        "delivery",
    }
    assert missing() >= everything

    unit = UnitFactory()
    Route.objects.create(label="R", host="relay.example.com", is_default=True)
    Sender.objects.create(unit=root(), address="news@example.com")
    assert not missing() & {"units", "route", "sender"}
    assert missing() >= {"people", "dns"}

    DeliveryFactory(unit=unit, finished=True, recipients=1)
    UserFactory(roles={"start": unit, "approve": unit})
    assert not missing() & {"people", "recipients", "delivery"}


def test_the_page_is_for_those_who_administer_everything_and_home_leads_there_until_something_left():
    boss, other = UserFactory(is_superuser=True), UserFactory(roles={"administration": UnitFactory()})

    steps, home = page(boss)
    refused, plain = page(other)
    by_command = StringIO()
    with suppress(SystemExit):
        call_command("first_steps", "--json", stdout=by_command)

    assert steps.status_code == 200
    assert "There is no default route" in steps.content.decode()
    assert reverse("home:first-steps") in home.content.decode()
    assert refused.status_code == 403
    assert reverse("home:first-steps") not in plain.content.decode()
    assert len(json.loads(by_command.getvalue())["steps"]) == 10
