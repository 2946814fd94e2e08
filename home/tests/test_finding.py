"""The calendar and the search, on the page and by command."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.tests.factories import person
from home import search

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit():
    return UnitFactory(approval_policy=ApprovalPolicy.NONE)


def get(user, name, *, headers=None, **query):
    client = Client()
    client.force_login(user)
    return client.get(reverse(f"home:{name}"), query, headers=headers)


def answered(command, *args):
    out = StringIO()
    call_command(command, *args, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_one_search_finds_deliveries_audiences_and_people_that_one_may_see(unit):
    elsewhere = UnitFactory()
    for place in (unit, elsewhere):
        Delivery.objects.create(unit=place, label="Café da manhã")
        AudienceFactory(unit=place, label="Amigos do café")
        ProfileFactory(unit=place, first_name="Café", last_name="Moreira")
    user = person("prepare", unit)

    found = search.of(user, "  café ")
    page = get(user, "search", q="café").content.decode()
    part = get(user, "search", q="café", headers={"HX-Request": "true"}).content.decode()
    by_command = answered("search", "café", "--as", user.username)

    assert [one.unit for kind in (found.deliveries, found.audiences, found.people) for one in kind] == [
        unit
    ] * 3
    assert "Café da manhã" in page
    assert "<html" in page
    assert "Amigos do café" in part
    assert "<html" not in part
    assert [len(by_command[kind]) for kind in ("deliveries", "audiences", "people")] == [1, 1, 1]


def test_a_search_shows_some_and_says_that_there_are_more(unit):
    for number in range(search.SHOWN + 1):
        Delivery.objects.create(unit=unit, label=f"Natal {number}")

    found = search.of(person("prepare", unit), "natal")

    assert (len(found.deliveries), found.more) == (search.SHOWN, {"deliveries"})


def test_odd_texts_find_nothing_and_break_nothing(unit):
    user = person("prepare", unit)

    for text in ("", " ", "a", "x" * 100_000, "%", "DM" + "9" * 30, "<b>", "' OR 1=1"):
        assert get(user, "search", q=text).status_code == 200, text[:20]
    assert search.of(user, "\0").is_too_short


def test_an_id_finds_its_delivery(unit):
    delivery = Delivery.objects.create(unit=unit, label="Natal")

    assert search.of(person("prepare", unit), delivery.name.lower()).deliveries == [delivery]


def test_the_calendar_shows_what_leaves_of_a_unit(unit):
    below, at = UnitFactory(parent=unit), clock.now() + timedelta(hours=2)
    for place in (unit, below):
        Delivery.objects.create(
            unit=place, label=f"Em {place}", schedule_kind="at_date", contact_date=at, time_zone="UTC"
        )
    user = person("prepare", unit)
    month = f"{at:%Y-%m}"

    whole = get(user, "calendar", month=month).content.decode()
    part = get(user, "calendar", month=month, unit=below.pk).content.decode()
    week = get(user, "calendar", week=f"{at:%G-W%V}").content.decode()
    by_command = answered("calendar", "--month", month, "--as", user.username)

    assert f"Em {unit}" in whole
    assert f"Em {unit}<" not in part.replace("\n", "")
    assert f"Em {below}" in part
    assert f"Em {below}" in week
    assert [row["at"][:13] for row in by_command["rows"]] == [f"{at:%Y-%m-%dT%H}"] * 2


def test_the_command_shows_the_first_that_leave_and_says_that_there_are_more(unit):
    at = clock.now() + timedelta(hours=2)
    for hours in range(3):
        Delivery.objects.create(
            unit=unit, label=f"Em {hours}", schedule_kind="at_date", contact_date=at + timedelta(seconds=hours),
            time_zone="UTC",
        )  # fmt: skip

    shown = answered(
        "calendar", "--month", f"{at:%Y-%m}", "--limit", "2", "--as", person("prepare", unit).username
    )

    assert (len(shown["rows"]), shown["cut"]) == (2, True)


@pytest.mark.parametrize("odd", [["--month", "2026-13"], ["--week", "last"]])
def test_the_command_refuses_what_names_no_span(odd, unit):
    with pytest.raises(CommandError, match="2026-12"):
        call_command("calendar", *odd, "--as", person("prepare", unit).username)
