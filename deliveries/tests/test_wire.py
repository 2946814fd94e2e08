"""Whatever a profile holds: what a receiver got, read by Python's own parser, is what the preview shows."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from typing import Any

import pytest
from django.conf import settings as configuration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.lib.tokens import Purpose, default_signer
from deliveries.channels.base import Capabilities, Envelope, Outcome
from deliveries.content.message.render import Renderer
from deliveries.models import Delivery, Message
from deliveries.proofs import previews
from deliveries.proofs.previews import Preview
from deliveries.rendering import sealed_renderer
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.odd_values import CONTENT, NASTY, part
from deliveries.tests.smtp_dialogue import exchange, run
from deliveries.tests.smtp_server import Script, Server

pytestmark = pytest.mark.django_db
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "X-Sinete-Message", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "Reply-To", "Precedence", "Auto-Submitted", "MIME-Version", "Content-Type",
}  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=60), st.text(st.characters(codec="ascii"), max_size=1_200)
)
ADDRESSES = st.sampled_from(
    ["ana@example.org", "josé@example.org", "ana@bücher.example", "ana@straße.example", "o'hara+x=y@example.org",
     "用户@例子.example", "a" * 64 + "@" + "b" * 63 + ".example"]
)  # fmt: skip
EIGHT_BIT = (b"PIPELINING", b"8BITMIME", b"SMTPUTF8")
SEVEN_BIT = (b"PIPELINING",)


def received(script: Script, envelopes: list[Envelope]) -> tuple[Server, dict[int, Outcome]]:
    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(script) as server:
            return server, await exchange(server, envelopes, timeout_s=5, body_timeout_s=5)

    return run(main())


def fill(row: Message, made: Renderer, capabilities: Capabilities) -> bytes:
    return made.message(
        seq=row.seq, address=row.address, values=row.values, date=datetime.now(UTC),
        encoding="8bit" if capabilities.eight_bit else "encoded",
    )  # fmt: skip


def envelope(row: Message, made: Renderer) -> Envelope:
    return Envelope(row.seq, f"b+{row.seq}@bounce.example", row.address, partial(fill, row, made))


def assert_as_shown(octets: bytes, row: Message, shown: Preview) -> None:
    assert shown.errors == []
    assert max(len(line) for line in octets.split(b"\r\n")) <= 998
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    assert b"\x00" not in octets
    message = message_from_bytes(octets, policy=policy.default)
    assert not message.defects
    assert sorted(message.keys()) == sorted(HEADERS)
    assert message["Subject"] == shown.subject
    (sender,) = message["From"].addresses
    assert (name_of(octets, "From"), sender.addr_spec) == (shown.from_name, shown.from_address)
    (to,) = message["To"].addresses
    local, _, domain = row.address.rpartition("@")
    assert to.addr_spec.encode("utf-8", "surrogateescape").decode() == f"{local}@{ascii_of(domain)}"
    assert message["Reply-To"].addresses[0].domain == "xn--bcher-kva.example"
    assert part(message, "plain") == shown.text.removesuffix("\n")
    assert part(message, "html") == shown.html.removesuffix("\n")
    assert_can_be_unsubscribed_with_one_click(message, row)


def name_of(octets: bytes, header: str) -> str:
    """The name before the address. By Python's older reader: the newer leaves blanks between encoded words of a name,
    which RFC 2047 (6.2) has ignored."""
    name, _address = parseaddr(
        "".join(message_from_bytes(octets, policy=policy.compat32)[header].split("\r\n"))
    )
    return str(make_header(decode_header(name)))


def ascii_of(domain: str) -> str:
    return {"bücher.example": "xn--bcher-kva.example", "straße.example": "xn--strae-oqa.example",
            "例子.example": "xn--fsqu00a.example"}.get(domain, domain)  # fmt: skip


def assert_can_be_unsubscribed_with_one_click(message: EmailMessage, row: Message) -> None:
    """RFC 8058: one https (here: as PUBLIC_URL is) link in brackets, and the field that says “One-Click”."""
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(
        rf"<{re.escape(configuration.PUBLIC_URL)}/u/([A-Za-z0-9_-]+)>", message["List-Unsubscribe"]
    )
    assert found is not None
    claim = default_signer().read(found.group(1), Purpose.UNSUBSCRIBE)
    assert (claim.delivery_key, claim.seq) == (row.delivery.key, row.seq)


@pytest.fixture
def delivery() -> Delivery:
    return DeliveryFactory(ready=True, recipients=1, content=CONTENT)


@pytest.mark.parametrize(
    "extensions", [EIGHT_BIT, (b"SMTPUTF8", b"8BITMIME"), SEVEN_BIT], ids=["8bit", "step by step", "7bit"]
)
@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_a_receiver_got_is_what_the_preview_shows(delivery, extensions, data):
    made = sealed_renderer(delivery)
    texts = st.fixed_dictionaries({"first_name": TEXTS, "last_name": TEXTS})
    drawn: list[tuple[dict[str, Any], str]] = data.draw(
        st.lists(st.tuples(texts, ADDRESSES), min_size=1, max_size=5)
    )
    rows = [
        Message(delivery=delivery, seq=seq, address=address, values=values)
        for seq, (values, address) in enumerate(drawn, 1)
    ]

    server, outcomes = received(Script(extensions=extensions), [envelope(row, made) for row in rows])

    for row in rows:
        if not row.address.rpartition("@")[0].isascii() and b"SMTPUTF8" not in extensions:
            assert outcomes[row.seq].reason == "not_supported"
            continue
        assert outcomes[row.seq].result == "sent", outcomes[row.seq]
        assert_as_shown(server.bodies[row.seq], row, previews.preview(delivery=delivery, message=row))


@pytest.mark.parametrize("text", NASTY)
def test_each_text_that_has_broken_mailings_elsewhere(delivery, text):
    made = sealed_renderer(delivery)
    row = Message(
        delivery=delivery, seq=1, address="ana@example.org", values={"first_name": text, "last_name": text}
    )

    server, _ = received(Script(extensions=EIGHT_BIT), [envelope(row, made)])

    assert_as_shown(server.bodies[1], row, previews.preview(delivery=delivery, message=row))


@pytest.mark.parametrize("size", [*range(990, 1_003), 1_990, 4_096, 65_536])
@pytest.mark.parametrize("start", [b"", b"."])
def test_dots_at_every_boundary_come_through(size, start):
    body = start + b"".join(b"x" * (size % 97) + b"\r\n." for _ in range(size // 97)) + b"\r\n..\r\n.\r\n"
    letters = [
        Envelope(seq, f"b+{seq}@bounce.example", "ana@example.org", lambda _: body) for seq in range(3)
    ]

    server, _ = received(Script(extensions=EIGHT_BIT), letters)

    assert list(server.bodies.values()) == [body] * 3
