"""What leaves to whoever is not measured: the same message, without a picture that tells of it and without our links."""

import json
import re
from pathlib import Path

import pytest

from campaign.lib.dots import dotted
from deliveries.content import lines
from deliveries.content.compiled import Compiled
from deliveries.content.html_part.page import PIXEL
from deliveries.content.message.render import Renderer, awkward_values
from deliveries.content.message.untracked import untracked
from deliveries.content.tests.rendering import ANA, BODY, FIELDS, KEY, NOON, renderer, signer

SEALED = json.loads((Path(__file__).parent / "sealed" / "format-1.json").read_text(encoding="utf-8"))
LONG = "https://www.example.com/" + "a-long-way/" * 70 + "?q={{ profile.city }}"
TEXT = "Go to https://www.example.com/plain or {{ unsubscribe_url }}"

everybody = pytest.mark.parametrize(
    "values", [ANA, *(each.values for each in awkward_values(FIELDS))], ids=lambda values: str(values)[:20]
)


@everybody
@pytest.mark.parametrize("changes", [{}, {"text": TEXT}], ids=["derived text", "own text"])
def test_it_reads_as_if_it_had_been_compiled_without_tracking(values, changes):
    measured, plain = renderer(**changes), renderer(tracking=False, **changes)

    unmeasured = measured.tracked(opens=False, clicks=False)

    assert unmeasured.html(seq=7, values=values) == plain.html(seq=7, values=values)
    assert unmeasured.text(seq=7, values=values) == plain.text(seq=7, values=values)


def test_each_purpose_by_itself():
    only_opens = renderer().tracked(opens=True, clicks=False).html(seq=7, values=ANA)
    only_clicks = renderer().tracked(opens=False, clicks=True).html(seq=7, values=ANA)

    assert ("/o/" in only_opens, "/c/" in only_opens) == (True, False)
    assert ("/o/" in only_clicks, "/c/" in only_clicks) == (False, True)


def test_whoever_lets_both_be_measured_gets_what_was_sealed():
    measured = renderer()

    assert measured.tracked(opens=True, clicks=True) is measured
    assert measured.tracked(opens=False, clicks=True) is measured.tracked(opens=False, clicks=True)


def test_a_delivery_that_tracks_nobody_has_one_form():
    plain = renderer(tracking=False)

    assert plain.tracked(opens=False, clicks=False) is plain


def test_the_picture_is_found_wherever_its_line_was_broken():
    for broken in (PIXEL, PIXEL.replace(" width", "\nwidth"), PIXEL.replace('0">', '0"\n>')):
        compiled = Compiled("", "", "", "a@example.com", "", f"<p>x</p>{broken}</body>", "", (), ())

        assert untracked(compiled, opens=False, clicks=True).html == "<p>x</p></body>"


@everybody
def test_no_line_is_too_long_for_mail_and_both_ways_to_the_wire_agree(values):
    made = renderer(f'<p>A <a href="{LONG}">B</a> <a href="{LONG}&amp;x">C</a></p>{BODY}').tracked(
        opens=False, clicks=False
    )
    recipient = {"seq": 7, "address": "ana@example.org", "values": values, "date": NOON}

    message = made.message(**recipient)

    assert max(map(len, message.split(b"\r\n"))) <= lines.LONGEST
    assert made.wire(**recipient) == dotted(message)


@pytest.mark.parametrize("then", SEALED["recipients"], ids=lambda then: then["name"])
def test_what_was_sealed_by_an_earlier_version_can_leave_unmeasured(then):
    measured = Renderer(
        Compiled.from_json(SEALED["compiled"]), base_url="https://mail.example.com", signer=signer, delivery_key=KEY,
        domain="example.com",
    )  # fmt: skip

    unmeasured = measured.tracked(opens=False, clicks=False)
    said = unmeasured.html(seq=1, values=then["values"]) + unmeasured.text(seq=1, values=then["values"])

    assert not re.search(r"https://mail\.example\.com/[oc]/", said)
    assert "https://mail.example.com/u/" in said
    assert all(link.partition("?")[0] in said.replace("&amp;", "&") for link in then["links"])
