"""A route that says “sign”: what leaves is signed, or nothing leaves and everybody is told why."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from deliveries import proofs
from deliveries.channels.dkim import UnusableKey
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Message, MessageStatus, Route, Status
from deliveries.operations import route_settings
from deliveries.preparation import verbs as preparation
from deliveries.routing import routes, signing
from deliveries.sending import gate
from deliveries.tests import dns_server
from deliveries.tests.dkim_keys import dkimpy_says, pem, perl_says
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.sends import send
from reporting.counting import deployment

pytestmark = pytest.mark.django_db(transaction=True)
DOMAIN = "serra-alta.example.com"


@pytest.fixture
def route(monkeypatch: pytest.MonkeyPatch) -> Route:
    """The default route signs with the key in a variable."""
    monkeypatch.setenv("TEST_DKIM_KEY", pem("rsa").decode())
    route = routes.default_route()
    route.dkim_domain, route.dkim_selector, route.dkim_key_variable = DOMAIN, "s1", "TEST_DKIM_KEY"
    route.save()
    return route


def call(name: str, *arguments: str) -> Any:
    boss = UserFactory(username="boss", roles={"administration": root()})
    out = StringIO()
    call_command(name, *arguments, "--json", "--as", boss.username, stdout=out)
    return json.loads(out.getvalue())


def test_each_message_of_a_send_is_signed(relay, route, tmp_path):
    delivery = DeliveryFactory(scheduled=True, recipients=3, content={"subject": "Olá, São João"})

    send(delivery)

    assert delivery.status == Status.FINISHED
    record = signing.record_of(route)
    assert record is not None
    for octets in relay.octets():
        assert dkimpy_says(octets, record)
        assert perl_says(octets, record, tmp_path) == "pass"
        assert octets.isascii()  # eight bits would be encoded anew by some relay further on


def test_a_route_that_signs_nothing_sends_as_ever(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    send(delivery)

    (octets,) = relay.octets()
    assert b"DKIM-Signature" not in octets


def test_a_proof_is_signed_too(relay, route, work):
    delivery = DeliveryFactory()
    profile = TestProfileFactory(unit=delivery.unit)
    proofs.send(
        delivery=delivery, test_profiles=[profile], by=person("prepare", delivery.unit), at=clock.now()
    )

    work()

    (octets,) = relay.octets()
    assert dkimpy_says(octets, signing.record_of(route))


def test_a_preparation_fails_where_the_key_is_missing(route, monkeypatch):
    monkeypatch.delenv("TEST_DKIM_KEY")
    delivery = DeliveryFactory()
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    (finding,) = delivery.latest_preparation().findings
    assert finding["code"] == "dkim_key"
    assert "TEST_DKIM_KEY is empty" in finding["slots"]["problem"]


@pytest.mark.parametrize(
    ("sender", "kind", "codes"),
    [
        (f"news@{DOMAIN}", "rsa", []),
        (f"news@mail.{DOMAIN}", "rsa", []),
        ("news@other.example", "rsa", ["dkim_domain"]),
        (f"news@{DOMAIN}", "rsa1024", ["dkim_short"]),
    ],
)
def test_a_preparation_says_where_receivers_may_not_believe_it(route, monkeypatch, sender, kind, codes):
    monkeypatch.setenv("TEST_DKIM_KEY", pem(kind).decode())

    found = signing.findings(route, sender=sender)

    assert [each.code for each in found] == codes
    assert all(each.is_error == (each.code == "dkim_domain") for each in found)


def test_nothing_leaves_unsigned_where_the_key_goes_away(relay, route, monkeypatch):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    monkeypatch.delenv("TEST_DKIM_KEY")

    send(delivery)

    assert relay.recipients() == []
    assert delivery.status == Status.SENDING
    assert not Message.objects.filter(delivery=delivery).exclude(status=MessageStatus.PREPARED).exists()
    block = deployment.block(delivery, at=clock.now())
    assert "TEST_DKIM_KEY is empty" in block.state.sentence
    assert "nothing leaves unsigned" in block.state.sentence

    monkeypatch.setenv("TEST_DKIM_KEY", pem("rsa").decode())
    Route.objects.update(closed_until=gate.now())
    send(delivery)

    assert len(relay.recipients()) == 3
    assert delivery.status == Status.FINISHED


def test_a_key_may_stand_in_a_file_or_on_one_line(route, monkeypatch, tmp_path):
    monkeypatch.setenv("TEST_DKIM_KEY", pem("rsa").decode().replace("\n", "\\n"))
    from_variable = signing.record_of(route)
    (tmp_path / "key.pem").write_bytes(pem("rsa"))
    route.dkim_key_variable, route.dkim_key_file = "", str(tmp_path / "key.pem")

    assert signing.record_of(route) == from_variable


def test_a_file_that_is_not_there_is_named(route, tmp_path):
    route.dkim_key_variable, route.dkim_key_file = "", str(tmp_path / "none.pem")

    with pytest.raises(UnusableKey, match=r"none\.pem can't be read \(No such file"):
        signing.signer_of(route)


@pytest.mark.parametrize(
    "fields",
    [
        {"dkim_selector": ""},
        {"dkim_key_variable": ""},
        {"dkim_key_file": "/etc/key.pem"},
    ],
)
def test_a_route_signs_with_a_selector_and_one_key(route, fields):
    boss = UserFactory(roles={"administration": root()})

    with pytest.raises(route_settings.SigningIncomplete):
        route_settings.save_route(route=Route.objects.get(), by=boss, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        Route.objects.update(**fields)


def test_a_selector_that_could_end_the_header_is_refused(route):
    boss = UserFactory(roles={"administration": root()})

    with pytest.raises(UnusableKey):
        route_settings.save_route(route=route, by=boss, dkim_selector="s1; d=evil.example")


def test_the_administrator_sees_the_record_and_never_the_key(route):
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(f"/admin/deliveries/route/{route.pk}/change/").content.decode()

    record = signing.record_of(route)
    assert record is not None
    assert record.name in page
    assert record.value.replace("+", "&#x2B;") in page or record.value in page
    assert "PRIVATE KEY" not in page


def test_whoever_confirms_sees_who_signs(route):
    delivery = DeliveryFactory(ready=True)
    client = Client()
    client.force_login(person("start", delivery.unit))

    question = confirmation.question(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    page = client.get(f"/deliveries/{delivery.pk}/confirm/").content.decode()

    assert question.signed_as == DOMAIN
    assert f"signed as {DOMAIN}" in page


def test_the_record_is_shown_by_a_command_and_looked_up(route, settings):
    with _published(settings, signing.record_of(route).value):
        answer = call("show_dkim_record", "--check")

    assert answer["name"] == f"s1._domainkey.{DOMAIN}"
    assert answer["value"].startswith("v=DKIM1; k=rsa; p=")
    assert answer["published"]


@pytest.mark.parametrize("value", ["v=DKIM1; k=rsa; p=MIIBother", "v=spf1 -all", None])
def test_a_record_that_dns_does_not_hold_is_a_failure(route, settings, value):
    with _published(settings, value), pytest.raises(CommandError) as caught:
        call("show_dkim_record", "--check")

    assert caught.value.returncode == 1


@contextmanager
def _published(settings: Any, value: str | None) -> Iterator[None]:
    """DNS holds this under the name of the route's key, or knows no such name."""
    with dns_server.serving({f"s1._domainkey.{DOMAIN}": [value]} if value else {}) as zone:
        settings.SINETE = settings.SINETE | {"dns_servers": [zone.place]}
        yield


def test_a_route_is_made_and_tried_by_commands(relay, tmp_path):
    (tmp_path / "key.pem").write_bytes(pem("ed25519"))
    boss = UserFactory(username="ops", roles={"administration": root()})
    call_command(
        "save_route", "Own", "--host", "127.0.0.1", "--port", str(relay.port), "--dkim-domain", DOMAIN,
        "--dkim-selector", "e1", "--dkim-key-file", str(tmp_path / "key.pem"), "--as", boss.username, stdout=StringIO(),
    )  # fmt: skip

    answer = call("check_route", "Own")

    assert answer["problems"] == []
    assert answer["signed_as"] == DOMAIN
    assert "PIPELINING" in answer["offers"]
    assert relay.recipients() == []


def test_a_route_that_does_not_work_is_told_before_anything_is_sent(route, monkeypatch, settings):
    settings.RELAY_URL = "smtp://127.0.0.1:1"
    monkeypatch.delenv("TEST_DKIM_KEY")

    with pytest.raises(CommandError, match=r"TEST_DKIM_KEY is empty; .*failed"):
        call("check_route")


def test_only_administrators_touch_routes(route):
    UserFactory(username="ana", roles={"start": root()})

    for command in (["save_route", "Own"], ["check_route"], ["show_dkim_record"]):
        with pytest.raises(CommandError):
            call_command(*command, "--as", "ana", stdout=StringIO())
    assert Route.objects.count() == 1
