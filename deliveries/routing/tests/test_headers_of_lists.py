"""Feedback-ID and List-Unsubscribe as they leave: signed, and with an address only where mail that comes back is read."""

import email
import email.policy
import os
import re
import subprocess
import sys

import pytest

from campaign.lib.tokens import BadToken, Purpose, default_signer
from deliveries.channels import unsubscribe_mail
from deliveries.rendering import feedback_sender
from deliveries.routing import routes, signing
from deliveries.tests.dkim_keys import dkimpy_says, pem, perl_says
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.sends import send

sent = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collected(settings):
    settings.SINETE = settings.SINETE | {"bounces_collected": True}


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.SMTP)


@sent
def test_what_is_signed_covers_feedback_id_and_both_ways_to_unsubscribe(
    relay, monkeypatch, collected, tmp_path
):
    monkeypatch.setenv("TEST_DKIM_KEY", pem("rsa").decode())
    route = routes.default_route()
    route.return_path_domain = "bounces.example.com"
    route.dkim_domain, route.dkim_selector, route.dkim_key_variable = "example.com", "s1", "TEST_DKIM_KEY"
    route.save()
    delivery = DeliveryFactory(scheduled=True, recipients=2)

    send(delivery)

    record = signing.record_of(route)
    for octets in relay.octets():
        assert dkimpy_says(octets, record)
        message = parsed(octets)
        signed = re.sub(r"\s", "", re.search(r"h=([^;]*)", message["DKIM-Signature"]).group(1)).split(":")
        assert {"Feedback-ID", "List-Unsubscribe", "List-Unsubscribe-Post"} <= set(signed)
        forged = octets.replace(f"{delivery.name}:U".encode(), b"DM0:U")
        assert forged != octets
        assert not dkimpy_says(forged, record)
    assert perl_says(octets, record, tmp_path) == "pass"


@sent
def test_the_address_names_its_message_and_stands_behind_the_link(relay, collected):
    route = routes.default_route()
    route.return_path_domain = "bounces.example.com"
    route.save()
    delivery = DeliveryFactory(scheduled=True, recipients=2)

    send(delivery)

    seqs = set()
    for octets in relay.octets():
        link, mail = re.findall("<([^>]*)>", parsed(octets)["List-Unsubscribe"])
        assert default_signer().read(link.rpartition("/")[2], Purpose.UNSUBSCRIBE)
        address = mail.removeprefix("mailto:").partition("?")[0]
        assert address.endswith("@bounces.example.com")
        claim = unsubscribe_mail.read(address.upper())
        assert claim.delivery_key == delivery.key
        seqs.add(claim.seq)
        assert parsed(octets)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert seqs == set(delivery.messages.values_list("seq", flat=True))


@sent
def test_where_nobody_reads_what_comes_back_no_address_unsubscribes(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)

    send(delivery)

    (octets,) = relay.octets()
    assert "mailto:" not in parsed(octets)["List-Unsubscribe"]
    assert parsed(octets)["Feedback-ID"] == (f"{delivery.name}:U{delivery.unit_id}:single:serraaltaexampl")


@pytest.mark.parametrize(
    ("domain", "sender"),
    [
        ("example.com", "examplecom"),
        ("a.de", "ade00"),
        ("news.serra-alta.example.com", "newsserraaltaex"),
        ("münchen.example", "xnmnchen3yaexam"),
    ],
)
def test_the_sender_of_a_feedback_id_is_made_of_the_domain(domain, sender):
    assert feedback_sender(domain) == sender


def test_the_installation_may_name_the_sender(settings):
    settings.SINETE = settings.SINETE | {"feedback_sender": "Serra-Alta"}

    assert feedback_sender("example.com") == "Serra-Alta"


@pytest.mark.parametrize(("name", "is_taken"), [("serra_alta", True), ("abcd", False), ("a:b:c:d", False)])
def test_a_sender_that_gmail_would_not_take_is_refused_at_the_start(name, is_taken):
    environment = os.environ | {"SINETE_FEEDBACK_SENDER": name, "DJANGO_SETTINGS_MODULE": "campaign.settings"}

    read = subprocess.run([sys.executable, "-c", "import campaign.settings"], env=environment, check=False)

    assert (read.returncode == 0) is is_taken


def test_only_what_we_signed_for_this_unsubscribes():
    key, signer = 2**62 + 7, default_signer()
    address = unsubscribe_mail.sign(key, 5, domain="bounces.example.com")
    token = address.partition("@")[0].removeprefix("u-")

    assert unsubscribe_mail.for_delivery(signer, key, domain="x.example")(5) == address.replace(
        "bounces.example.com", "x.example"
    )
    for form in (address, f" <{address.upper()}> ", f"u-{token}@elsewhere.example"):
        claim = unsubscribe_mail.read(form)
        assert (claim.delivery_key, claim.seq) == (key, 5)
    others = [signer.sign_caseless(purpose, key, 5) for purpose in (Purpose.UNSUBSCRIBE, Purpose.BOUNCE)]
    damaged = ("0" if token[-1] != "0" else "1").join([token[:-1], ""])
    for wrong in (
        *(f"u-{other}@x.example" for other in [*others, damaged, token[:-1], token + "0"]),
        f"b-{token}@x.example",
        f"u-{token}",
        f"u-{token}@a@b",
        f"u-{token}@x.example, x@y.example",
        "",
        "u-" * 10_000,
    ):
        with pytest.raises(BadToken):
            unsubscribe_mail.read(wrong)
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.BOUNCE):
        with pytest.raises(BadToken):
            signer.read(token, purpose)
