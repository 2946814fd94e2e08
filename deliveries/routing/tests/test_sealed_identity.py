"""What readers can see of a route is inside the seal: a change is approved anew, and never stops what is confirmed."""

import sqlite3

import pytest

from accounts.models import AuditEvent
from accounts.roles import root
from campaign.lib import clock
from deliveries import jobs, lifecycle
from deliveries.confirmation import decisions as confirmation
from deliveries.lifecycle import seal
from deliveries.models import Route, Status
from deliveries.operations import route_settings
from deliveries.preparation import verbs as preparation
from deliveries.routing import routes, signing
from deliveries.tests.dkim_keys import dkimpy_says, pem
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db(transaction=True)

DOMAIN = "serra-alta.example.com"


@pytest.fixture
def route(monkeypatch):
    """The default route signs as our domain, and bounces come back to a domain of ours."""
    for name in ("OLD_KEY", "NEW_KEY"):
        monkeypatch.setenv(name, pem("rsa" if name == "OLD_KEY" else "ed25519").decode())
    return save(
        routes.default_route(),
        return_path_domain="bounces.example.com",
        dkim_domain=DOMAIN,
        dkim_selector="old",
        dkim_key_variable="OLD_KEY",
    )


def save(route, **fields):
    return route_settings.save_route(route=route, by=person("administration", root()), **fields)


def confirm(delivery):
    delivery.refresh_from_db()
    by = person("start", delivery.unit)
    return confirmation.confirm(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())


def leave(delivery):
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()


def senders(relay):
    with sqlite3.connect(relay.file) as reader:
        return {row[0].rpartition("@")[2] for row in reader.execute("SELECT sender FROM message")}


VISIBLE = [
    {"return_path_domain": "elsewhere.example"},
    {"dkim_domain": "elsewhere.example.com"},
    {"dkim_selector": "new"},
    {"dkim_domain": ""},
]
INVISIBLE = [
    {"host": "relay.elsewhere.example", "port": 2525},
    {"username": "other", "password_variable": "OTHER"},
    {"dkim_key_variable": "NEW_KEY"},
    {"connections": 3, "limit_per_hour": 5},
]


@pytest.mark.parametrize("change", VISIBLE, ids=str)
def test_what_readers_can_see_is_approved_anew_before_the_confirmation(route, change):
    delivery = DeliveryFactory(ready=True)

    save(route, **change)

    with pytest.raises(lifecycle.ChangedSincePrepared, match="return path, signature or tracking domain"):
        confirm(delivery)
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    preparation.run(preparation_id=run.pk)
    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL


@pytest.mark.parametrize("change", INVISIBLE, ids=str)
def test_where_the_route_leads_and_with_what_keys_is_a_matter_of_the_trail_alone(route, change):
    delivery = DeliveryFactory(ready=True)

    save(route, **change)

    assert confirm(delivery)
    assert set(AuditEvent.objects.filter(action="save_route").first().detail["before"]) == set(change)


def test_another_default_route_is_a_change_where_readers_see_it(route):
    delivery = DeliveryFactory(ready=True)

    save(Route(label="Other"), label="Other", is_default=True)

    assert seal.changes(delivery) == ["identity"]


def test_another_tracking_domain_is_a_change_and_another_port_is_none(settings):
    settings.PUBLIC_URL = "https://mail.example.com"
    delivery = DeliveryFactory(ready=True)

    settings.PUBLIC_URL = "https://mail.example.com:8443"
    assert seal.changes(delivery) == []
    settings.PUBLIC_URL = "https://elsewhere.example"
    assert seal.changes(delivery) == ["identity"]


def test_what_is_confirmed_leaves_under_the_identity_that_was_confirmed(relay, route, settings):
    settings.PUBLIC_URL = "https://mail.example.com"
    record = signing.record_of(route)
    delivery = DeliveryFactory(scheduled=True, recipients=2)

    save(
        route, return_path_domain="elsewhere.example", dkim_domain="elsewhere.example", dkim_selector="new",
        dkim_key_variable="NEW_KEY",
    )  # fmt: skip
    settings.PUBLIC_URL = "https://elsewhere.example"
    leave(delivery)

    assert delivery.status == Status.FINISHED
    assert senders(relay) == {"bounces.example.com"}
    for octets, message in zip(relay.octets(), relay.messages(), strict=True):
        assert dkimpy_says(octets, record)
        assert "https://mail.example.com/u/" in message["List-Unsubscribe"]


def test_what_was_confirmed_unsigned_leaves_unsigned(relay, monkeypatch):
    monkeypatch.setenv("NEW_KEY", pem("rsa").decode())
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    save(routes.default_route(), dkim_domain=DOMAIN, dkim_selector="new", dkim_key_variable="NEW_KEY")
    leave(delivery)

    (octets,) = relay.octets()
    assert b"DKIM-Signature" not in octets


def test_a_new_key_of_the_same_domain_signs_where_the_old_one_is_gone(relay, route, monkeypatch):
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    monkeypatch.delenv("OLD_KEY")
    save(route, dkim_selector="new", dkim_key_variable="NEW_KEY")
    leave(delivery)

    (octets,) = relay.octets()
    assert dkimpy_says(octets, signing.record_of(route))


def test_another_domain_never_signs_what_was_confirmed_under_ours(relay, route, monkeypatch):
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    monkeypatch.delenv("OLD_KEY")
    save(route, dkim_domain="elsewhere.example", dkim_selector="new", dkim_key_variable="NEW_KEY")
    leave(delivery)

    assert relay.octets() == []
    monkeypatch.setenv("OLD_KEY", pem("rsa").decode())
    save(route)
    leave(delivery)
    assert len(relay.octets()) == 1


# -- seals of before --------------------------------------------------------------------------------------


def test_what_was_sealed_before_can_be_confirmed_and_leaves(relay, route, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(seal, "FORM", 1)
        delivery = DeliveryFactory(ready=True, recipients=2)

    save(route, return_path_domain="elsewhere.example")
    assert seal.changes(delivery) == []
    confirm(delivery)
    leave(delivery)

    assert delivery.status == Status.FINISHED
    assert senders(relay) == {"elsewhere.example"}


def test_a_manifest_without_a_form_is_of_the_first():
    assert "identity" not in seal.parts_of({"parts": {}})
    assert seal.identity_of({"parts": {}}) is None


def test_a_part_that_its_form_holds_can_not_be_taken_out(route):
    delivery = DeliveryFactory(ready=True)
    parts = {
        name: part for name, part in delivery.preparation.manifest["parts"].items() if name != "identity"
    }
    delivery.preparation.manifest["parts"] = parts

    assert seal.changes(delivery) == ["identity"]
