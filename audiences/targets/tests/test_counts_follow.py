"""A page about an audience waits for no count that takes long: it follows."""

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Audience
from audiences.tests.factories import AudienceFactory, ProfileFactory
from audiences.views import targets
from campaign.lib import in_time

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow(monkeypatch):
    """Whatever is asked within a page takes too long."""

    def at_most(_milliseconds):
        raise in_time.TooSlow

    monkeypatch.setattr(targets.in_time, "at_most", at_most)


@pytest.fixture
def reader(client):
    client.force_login(UserFactory(roles={"prepare": root(), "read": root()}, home_unit=root()))
    return client


@pytest.fixture
def audience():
    ProfileFactory(first_name="Luísa")
    return AudienceFactory(rule={"field": "language", "is": "equal", "value": "en"})


def test_an_audience_that_is_counted_quickly_shows_its_people_at_once(reader, audience):
    page = reader.get(reverse("audiences:audience", args=[audience.pk])).content.decode()

    assert "Luísa" in page
    assert "hx-get" not in page[page.index("<main") :]


def test_one_that_takes_long_says_so_and_asks_for_its_people(reader, audience, slow):
    page = reader.get(reverse("audiences:audience", args=[audience.pk])).content.decode()

    assert "Luísa" not in page
    assert 'hx-get="?counts=1"' in page
    assert "Language" in page  # the rule stands there


def test_what_follows_is_a_part_of_the_page_and_without_a_script_the_whole(reader, audience, slow):
    address = reverse("audiences:audience", args=[audience.pk]) + "?counts=1"

    part = reader.get(address, headers={"HX-Request": "true"}).content.decode()
    whole = reader.get(address).content.decode()

    assert "Luísa" in part
    assert "<main" not in part
    assert "Luísa" in whole
    assert "<main" in whole
    assert Audience.objects.get(pk=audience.pk).counted == 1


def test_the_form_of_a_rule_counts_once_it_is_there(reader, audience, slow):
    page = reader.get(reverse("audiences:edit", args=[audience.pk])).content.decode()

    said = page[page.index('id="said"') :]
    assert 'hx-trigger="load"' in said
    assert reverse("audiences:preview") in said
