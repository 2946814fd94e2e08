"""The list of deliveries: its orders, its number of rows, and that it is found as it was left."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts import remembering
from accounts.models import Remembered
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.forms.filters import DeliveryFilter
from deliveries.models import Delivery, Status
from deliveries.overview import ordering, phases
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(unit):
    return person("prepare", unit)


@pytest.fixture
def get(client: Client, user: Any):
    client.force_login(user)
    return lambda **query: client.get(reverse("deliveries:list"), query)


def bare(unit, **values):
    """A row as it would be, without what leads there."""
    return Delivery.objects.create(unit=unit, **values)


def test_what_runs_or_fails_stands_first_then_what_waits_then_what_comes(unit, get):
    stages = ("stopped", "sending", "ready", "scheduled", "finished")
    stopped, sending, ready, scheduled, finished = (
        DeliveryFactory(unit=unit, recipients=1, **{stage: True}) for stage in stages
    )
    draft = bare(unit, label="draft")

    shown = get().context["shown"]
    month_later = Delivery.objects.order_by(-ordering.attention(clock.now() + timedelta(days=30)), "-pk")

    assert shown.rows == [sending, stopped, ready, scheduled, draft, finished]
    assert shown.total == 6
    assert list(month_later) == [sending, ready, scheduled, draft, finished, stopped]


def test_each_order_goes_on_where_the_page_ended_and_back(unit, user):
    now = clock.now()
    for number in range(7):
        bare(
            unit, label=f"L{number % 3}", created_by=user if number % 2 else None, schedule_kind="at_date",
            contact_date=now - timedelta(days=number % 4),
        )  # fmt: skip
    rows = Delivery.objects.all()

    for sort in [*ordering.ORDERS, *(f"-{name}" for name in ordering.ORDERS), "attention", "nonsense"]:
        filters = _filters(user, sort=sort)
        whole = filters.page(rows, before=None, after=None).rows
        filters.cleaned_data["rows"] = 3
        pages = [filters.page(rows, before=None, after=None)]
        while pages[-1].older is not None:
            pages.append(filters.page(rows, before=pages[-1].older, after=None))
        back = filters.page(rows, before=None, after=pages[-1].newer)

        assert [one for page in pages for one in page.rows] == whole, sort
        assert len(whole) == 7
        assert back.rows == pages[-2].rows, sort


def _filters(user, **query):
    filters = DeliveryFilter(query, user=user, at=clock.now())
    assert filters.is_valid()
    return filters


def test_a_place_that_is_gone_leads_to_the_first_page(unit, user):
    bare(unit, label="a")

    assert len(_filters(user, sort="label").page(Delivery.objects.all(), before=10**9, after=None).rows) == 1


def test_a_list_is_found_as_it_was_left_and_a_link_leaves_no_trace(unit, user, get):
    bare(unit, label="Natal")
    bare(unit, label="Páscoa")

    get(chosen="1", q="natal", rows="50", sort="-label", nonsense="x")
    again = get()
    by_link = get(q="páscoa")
    cleared = get(chosen="1")

    assert again.status_code == 302
    assert parse_qs(urlsplit(again.url).query) == {"q": ["natal"], "rows": ["50"], "sort": ["-label"]}
    assert len(by_link.context["shown"].rows) == 1
    assert len(cleared.context["shown"].rows) == 2
    assert get().status_code == 200


def test_odd_choices_are_shown_as_the_whole_list(unit, user, get):
    bare(unit, label="a")

    for query in (
        {"q": "x" * 5000},
        {"status": "nonsense"},
        {"rows": "9" * 9},
        {"sort": "-" * 300},
        {"unit": "x"},
    ):
        get(chosen="1", **query)
        left = get()
        page = get(**query)
        assert left.status_code in (200, 302)
        assert page.status_code == 200
        assert len(page.context["shown"].rows) == 1


def test_what_is_remembered_is_ones_own_and_short(user):
    assert remembering.remember(user=user, name="list", values={"q": "a", "status": ""})
    assert not remembering.remember(user=user, name="list", values={"q": "a" * 5000})

    assert remembering.recall(user, "list") == {"q": "a"}
    assert remembering.recall(UserFactory(), "list") == {}
    assert Remembered.objects.count() == 1


def test_no_two_statuses_look_alike():
    looks = {status: (phases.TONES[status], phases.ICONS[status]) for status in Status}

    assert len(set(looks.values())) == len(Status)


def test_a_header_sorts_and_says_how(unit, get):
    bare(unit, label="a")

    page = get(sort="label").content.decode()

    assert 'aria-sort="ascending"' in page
    assert "sort=-label&amp;chosen=1" in page


def test_there_is_a_choice_only_for_whoever_may_prepare(unit, client):
    DeliveryFactory(unit=unit, recipients=1)
    pages = {}
    for role in ("prepare", "approve"):
        client.force_login(person(role, unit))
        pages[role] = client.get(reverse("deliveries:list")).content.decode()

    assert 'form="many"' in pages["prepare"]
    assert 'form="many"' not in pages["approve"]
