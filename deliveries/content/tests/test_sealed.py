"""What was sealed by an earlier compiler is sent, shown and clicked as it was then, to the octet."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.lib.dots import dotted
from campaign.lib.tokens import Signer
from deliveries.content.compiled import Compiled
from deliveries.content.message.render import Renderer

SEALED = json.loads((Path(__file__).parent / "sealed" / "format-1.json").read_text(encoding="utf-8"))
CONTENT = Compiled.from_json(SEALED["compiled"])
TRACKED = [link.index for link in CONTENT.links if link.kind == "tracked"]
RENDERER = Renderer(
    CONTENT,
    base_url="https://mail.example.com",
    signer=Signer({1: b"k" * 32}, current=1),
    delivery_key=2**62 + 12345,
    domain="example.com",
    list_id="news.example.com",
    verp_domain="bounces.example.com",
)
NOON = datetime(2026, 4, 30, 12, tzinfo=UTC)

each_recipient = pytest.mark.parametrize("then", SEALED["recipients"], ids=lambda then: then["name"])


@each_recipient
def test_the_message_is_sent_as_it_was(then):
    message = then["message"].encode()
    recipient = {"seq": then["seq"], "address": "ana@example.org", "values": then["values"], "date": NOON}

    assert RENDERER.message(**recipient) == message
    assert RENDERER.wire(**recipient) == dotted(message)


@each_recipient
def test_preview_and_mirror_page_show_it_as_they_did(then):
    assert RENDERER.html(seq=then["seq"], values=then["values"]) == then["html"]
    assert RENDERER.text(seq=then["seq"], values=then["values"]) == then["text"]


@each_recipient
def test_its_links_lead_where_they_led(then):
    assert [RENDERER.link_url(index, then["values"]) for index in TRACKED] == then["links"]


def test_what_is_stored_of_it_stays_the_same():
    assert json.loads(json.dumps(CONTENT.to_json())) == SEALED["compiled"]
