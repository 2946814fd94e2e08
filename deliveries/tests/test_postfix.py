"""A real delivery through a real postfix: accepted, delivered, read back, its signature and return path verified."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote

import pytest

from accounts.roles import root
from campaign.lib.tokens import Purpose, default_signer
from deliveries.ledger import books
from deliveries.models import Delivery, Message, MessageStatus, Route, Status
from deliveries.proofs import previews
from deliveries.routing import routes, signing
from deliveries.tests.dkim_keys import dkimpy_says, pem, perl_says
from deliveries.tests.factories import DeliveryFactory, audience_of
from deliveries.tests.odd_values import CONTENT, NASTY, part
from deliveries.tests.postfix import PASSWORD, Postfix, postfix_running
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db(transaction=True)
RETURNS = "returns.serra-alta.example"


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with postfix_running() as relay:
        yield relay


@pytest.fixture
def route(postfix: Postfix, settings) -> Route:
    """By STARTTLS, with a password, to postfix; bounces come back to a domain of their own."""
    settings.RELAY_URL = relay_url(postfix, PASSWORD)
    route = routes.default_route()
    route.return_path_domain = RETURNS
    route.save()
    return route


def relay_url(postfix: Postfix, password: str) -> str:
    return (
        f"smtp+starttls://news%40relay.example:{quote(password, safe='')}@127.0.0.1:{postfix.port}"
        f"?ca_file={quote(postfix.ca_file)}"
    )


def odd_delivery(recipients: int) -> Delivery:
    """Recipients whose names have broken mailings elsewhere."""
    audience = audience_of(root(), recipients)
    for number, member in enumerate(audience.members.select_related("profile")):
        name = NASTY[number % len(NASTY)]
        member.profile.first_name = member.profile.last_name = re.sub("[\x00\ud800]", "", name)[:100]
        member.profile.save()
    return DeliveryFactory(scheduled=True, audience=audience, content=CONTENT)


def row_of(octets: bytes, delivery: Delivery) -> Message:
    """The row that the return path names, by its signed token alone."""
    message = message_from_bytes(octets, policy=policy.default)
    local, _, domain = message["Return-Path"].strip("<>").partition("@")
    assert domain == RETURNS
    claim = default_signer().read(local.removeprefix("b-"), Purpose.BOUNCE)
    assert claim.delivery_key == delivery.key
    row = Message.objects.get(delivery=delivery, seq=claim.seq)
    assert message["Delivered-To"] == row.address
    return row


def assert_as_shown(octets: bytes, row: Message) -> None:
    shown = previews.preview(delivery=row.delivery, message=row)
    message = message_from_bytes(octets, policy=policy.default)
    assert shown.errors == []
    assert message["Subject"] == shown.subject
    assert part(message, "plain") == shown.text.removesuffix("\n")
    assert part(message, "html") == shown.html.removesuffix("\n")


def test_a_delivery_by_postfix_arrives_as_the_preview_shows_it(postfix, route):
    delivery = odd_delivery(len(NASTY))

    send(delivery)

    assert delivery.status == Status.FINISHED
    mails = postfix.delivered(len(NASTY))
    rows = [row_of(octets, delivery) for octets in mails]
    assert sorted(row.seq for row in rows) == list(range(1, len(NASTY) + 1))
    for octets, row in zip(mails, rows, strict=True):
        assert_as_shown(octets, row)
    assert any(not octets.isascii() for octets in mails)  # eight bits, as postfix offers 8BITMIME
    assert {row.status for row in rows} == {MessageStatus.SENT}
    assert books.imbalance(delivery) == {}
    assert "sasl_method=PLAIN, sasl_username=news@relay.example" in postfix.log


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_postfix_delivered_bears_a_true_signature(postfix, route, kind, tmp_path: Path):
    (tmp_path / "key.pem").write_bytes(pem(kind))
    route.dkim_domain, route.dkim_selector, route.dkim_key_file = (
        "serra-alta.example.com", "s1", str(tmp_path / "key.pem")
    )  # fmt: skip
    route.save()
    delivery = odd_delivery(len(NASTY))

    send(delivery)

    record = signing.record_of(route)
    assert record is not None
    mails = postfix.delivered(len(NASTY))
    for octets in mails:
        assert_as_shown(octets, row_of(octets, delivery))
        assert dkimpy_says(octets, record)
        assert octets.isascii()  # nothing further on has a reason to encode it anew
    if kind == "rsa":
        for octets in mails[:8]:
            assert perl_says(octets, record, tmp_path) == "pass"


def test_postfix_refuses_a_wrong_password_and_the_route_rests_with_its_words(postfix, route, settings):
    settings.RELAY_URL = relay_url(postfix, "wrong")
    delivery = DeliveryFactory(scheduled=True, recipients=3)

    send(delivery)

    assert delivery.status == Status.SENDING
    assert {*Message.objects.filter(delivery=delivery).values_list("status", flat=True)} == {
        MessageStatus.PREPARED
    }
    route.refresh_from_db()
    assert "authentication failed" in route.closed_because
    assert "wrong" not in route.closed_because


def test_postfix_gets_nothing_where_its_certificate_is_not_vouched_for(postfix, route, settings):
    settings.RELAY_URL = settings.RELAY_URL.partition("?")[0]
    delivery = DeliveryFactory(scheduled=True, recipients=3)

    send(delivery)

    assert {*Message.objects.filter(delivery=delivery).values_list("status", flat=True)} == {
        MessageStatus.PREPARED
    }
    route.refresh_from_db()
    assert "certificate" in route.closed_because
