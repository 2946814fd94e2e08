"""The first page of a person and of the desk, and the same by command."""

import json
from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_rq import get_queue

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.lib.queue_figures import standings
from deliveries.models import Route
from deliveries.tests.factories import DeliveryFactory, person
from home import health, standing

pytestmark = pytest.mark.django_db
HOME = "/"


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def answered(command, *args):
    out = StringIO()
    with suppress(SystemExit):
        call_command(command, *args, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_each_sees_what_needs_them(unit):
    approve, confirm = (
        DeliveryFactory(unit=unit, awaiting_approval=True),
        DeliveryFactory(unit=unit, ready=True),
    )

    approver = signed_in(person("approve", unit)).get(HOME).context["standing"].needs
    starter = signed_in(person("start", unit)).get(HOME).context["standing"].needs
    stranger = signed_in(person("approve", UnitFactory())).get(HOME).context["standing"].needs

    assert [(need.code, need.rows) for need in approver] == [("to_approve", [approve])]
    assert [(need.code, need.rows) for need in starter] == [("to_confirm", [confirm])]
    assert stranger == []


def test_what_leaves_today_what_left_and_what_is_held(unit):
    today = DeliveryFactory(
        unit=unit, ready=True, schedule_kind="at_date", contact_date=standing.day_of(clock.now())[1] - timedelta(seconds=1),
        time_zone="UTC",
    )  # fmt: skip
    sent = DeliveryFactory(unit=unit, finished=True, recipients=3)
    paused = DeliveryFactory(unit=unit, paused=True)

    page = signed_in(person("prepare", unit)).get(HOME)

    shown = page.context["standing"]
    assert today.pk in {row.delivery.pk for row in shown.today.rows}
    assert {result.delivery.pk for result in shown.lately} == {sent.pk, paused.pk}
    assert next(each.counts for each in shown.lately if each.delivery == sent).sent == 3
    assert shown.unwell == [paused]
    assert today.label in page.content.decode()


def test_it_costs_as_many_queries_for_many_as_for_one(unit):
    client = signed_in(person("approve", unit))
    many = {}
    for number in (1, 2):
        for _each in range(number):
            DeliveryFactory(unit=unit, finished=True, recipients=1)
            DeliveryFactory(unit=unit, awaiting_approval=True, recipients=1)
            DeliveryFactory(unit=unit, paused=True, recipients=1)
        client.get(HOME)
        with CaptureQueriesContext(connection) as queries:
            client.get(HOME)
        many[number] = len(queries)

    assert many[2] == many[1]


def test_only_whoever_administers_everything_is_told_of_the_machinery(unit):
    operator = signed_in(UserFactory(is_superuser=True, is_staff=True))
    other = signed_in(UserFactory(is_staff=True, roles={"administration": unit}))

    assert "No worker listens" in operator.get(HOME).content.decode()
    assert "No worker listens" not in other.get(HOME).content.decode()
    assert "How the machinery stands" in operator.get("/admin/").content.decode()
    assert "How the machinery stands" not in other.get("/admin/").content.decode()


def test_the_desk_offers_what_one_may_open(unit):
    operator = signed_in(UserFactory(is_superuser=True, is_staff=True))
    offered = operator.get("/admin/").context["shortcuts"]
    less = signed_in(UserFactory(is_staff=True, roles={"prepare": unit})).get("/admin/").context["shortcuts"]

    assert [operator.get(one.address).status_code for one in offered] == [200] * 8
    assert {one.model for one in less} == {"deliveries.delivery", "deliveries.halt"}


def nothing() -> None:
    """A job."""


def test_a_queue_says_since_when_its_oldest_job_waits():
    assert next(one for one in standings() if one.queue == "send").oldest is None
    queue = get_queue("send", commit_mode="auto")
    first, _second, _at_the_head = (
        queue.enqueue(nothing, at_front=at_front) for at_front in (False, False, True)
    )

    found = health.of_machinery(at=clock.now())

    assert found.oldest is not None
    assert (found.oldest.queue, found.oldest.waiting, found.oldest.oldest) == ("send", 3, first.enqueued_at)
    assert not found.oldest_waits_long
    assert health.of_machinery(at=clock.now() + timedelta(hours=1)).oldest_waits_long


def test_a_route_that_rests_is_told():
    Route.objects.create(
        label="Away", host="relay.example.com", closed_until=clock.now() + timedelta(hours=1), closed_because="450 busy"
    )  # fmt: skip

    found = answered("show_health")

    (route,) = [one for one in found["routes"] if one["route"] == "Away"]
    assert (route["rests"], route["because"]) == (True, "450 busy")


def test_the_command_says_what_the_page_says(unit):
    waiting = DeliveryFactory(unit=unit, awaiting_approval=True)
    sent = DeliveryFactory(unit=unit, finished=True)

    found = answered("show_home", "--as", person("approve", unit).username)

    assert found["needs"] == [{"what": "to_approve", "number": 1, "deliveries": [waiting.name]}]
    assert [row["delivery"] for row in found["lately"]] == [sent.name]


def test_signing_in_leads_home_and_the_list_has_an_address_of_its_own():
    page = signed_in(UserFactory(roles={"prepare": root()})).get(reverse("deliveries:list"))

    assert reverse("home:home") == "/"
    assert page.request["PATH_INFO"] == "/deliveries/"
    assert page.status_code == 200
