"""The page of senders, the desk's, and what a new content begins with."""

from html import unescape

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.models import DnsAnswer, Sender
from deliveries.tests.factories import person

pytestmark = pytest.mark.django_db

PAGE = "/units/senders/"


@pytest.fixture
def boss(client):
    """Whoever administers one unit, signed in."""
    unit = UnitFactory(label="Shop")
    boss = UserFactory(roles={"administration": unit}, is_staff=True)
    client.force_login(boss)
    return boss


@pytest.fixture
def unit(boss):
    return boss.role_grants.get().unit


def typed(unit, **values):
    return {
        "unit": unit.pk,
        "address": "news@serra-alta.com.br",
        "name": "Serra Alta",
        "reply_to": "",
    } | values


def test_an_administrator_enters_a_sender_and_sees_how_it_stands(client, unit):
    answer = client.post(PAGE, typed(unit), follow=True)

    page = unescape(answer.content.decode())
    assert "“news@serra-alta.com.br” is saved." in page
    assert "DNS has not answered yet." in page
    assert 'href="/units/" aria-current="page"' in page
    assert DnsAnswer.objects.count() == 2

    DnsAnswer.objects.update(outcome="nothing", texts=[], answered_at=clock.now())
    page = unescape(client.get(PAGE).content.decode())
    assert "serra-alta.com.br has no SPF record" in page
    assert "serra-alta.com.br has no DMARC record" in page


def test_a_sender_is_changed_asked_about_and_removed(client, unit):
    client.post(PAGE, typed(unit))
    sender = Sender.objects.get()
    DnsAnswer.objects.update(tried_at=clock.now())

    assert "Serra Alta" in client.get(f"{PAGE}?change={sender.pk}").content.decode()
    client.post(PAGE, typed(unit, name="Another"))
    client.post(reverse("deliveries:sender-ask", args=[sender.pk]))

    assert Sender.objects.get().name == "Another"
    assert not DnsAnswer.objects.exclude(tried_at=None).exists()
    client.post(reverse("deliveries:sender-remove", args=[sender.pk]))
    assert not Sender.objects.exists()


def test_what_is_wrong_is_said_in_the_form(client, unit):
    answer = client.post(PAGE, typed(unit, address="somebody@gmail.com"))

    assert "“gmail.com” is a public mail provider" in unescape(answer.content.decode())
    assert not Sender.objects.exists()


def test_nobody_else_keeps_it(client, unit):
    foreign = Sender.objects.create(unit=root(), address="above.example")

    assert client.post(PAGE, typed(root())).status_code == 200
    assert client.post(reverse("deliveries:sender-remove", args=[foreign.pk])).status_code == 404
    assert client.get(f"{PAGE}?change={foreign.pk}").status_code == 404
    assert client.get(f"{PAGE}?change=x").status_code == 404
    client.force_login(person("prepare", unit))
    assert client.get(PAGE).status_code == 403
    assert list(Sender.objects.all()) == [foreign]


def test_an_administrator_keeps_it_at_the_desk(client, unit):
    where = "/admin/deliveries/sender/"

    client.post(f"{where}add/", typed(unit))
    sender = Sender.objects.get()
    page = unescape(client.get(f"{where}{sender.pk}/change/").content.decode())
    assert "DNS has not answered yet." in page
    client.post(f"{where}{sender.pk}/change/", {"name": "Another", "reply_to": "hi@serra-alta.com.br"})
    sender.refresh_from_db()

    assert (sender.address, sender.name, sender.reply_to) == (
        "news@serra-alta.com.br",
        "Another",
        "hi@serra-alta.com.br",
    )
    refused = unescape(client.post(f"{where}add/", typed(unit, address="nothing")).content.decode())
    assert "“nothing” is neither an address nor a domain" in refused
    client.post(f"{where}{sender.pk}/delete/", {"post": "yes"})
    assert not Sender.objects.exists()


def test_a_new_content_begins_with_the_nearest_sender(client, unit):
    Sender.objects.create(unit=root(), address="above@serra-alta.example", name="Above")
    Sender.objects.create(unit=unit, address="serra-alta.example")
    ana = person("prepare", unit)
    delivery = drafting.create(by=ana, unit=unit, label="One")
    client.force_login(ana)

    page = client.get(reverse("deliveries:content", args=[delivery.pk])).content.decode()

    assert 'value="above@serra-alta.example"' in page
    assert 'value="Above"' in page
