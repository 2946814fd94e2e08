"""Attached files in a message: two readers find name and octets, and nothing is encoded again for each recipient."""

import email
import email.policy

import fast_mail_parser
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaign.lib.dots import dotted
from deliveries.content.message import attached
from deliveries.content.message.attached import File
from deliveries.content.message.render import Renderer
from deliveries.content.tests.rendering import ANA, KEY, NOON, renderer, signer

NAMES = [
    "terms.pdf", "Preços de julho.pdf", "価格表" * 40 + ".xlsx", "عرض الأسعار.pdf", 'a "b" \\c.pdf', "x" * 146 + ".pdf",
    "🎉👩‍👩‍👧.png", "a;b=c'd%20(1).txt", "Ελληνικά.csv", "क्षि\u200cति.pdf", "two  spaces.pdf", "=?utf-8?b?YQ==?=.pdf",
    "cafe\u0301.pdf", "utf-8''x.pdf", "a%41.pdf", "*0*=.pdf", ".hidden.pdf", "no-ending", "\U00010330.pdf",
]  # fmt: skip


def with_files(*files, html="<p>Hello {{ profile.first_name }}</p>", **changes):
    """A renderer of content with these files."""
    made = renderer(html + '<a href="{{ unsubscribe_url }}">Out</a>', **changes)
    return Renderer(
        made.compiled, base_url="https://mail.example.com", signer=signer, delivery_key=KEY, domain="example.com",
        attached=[attached.part(file) for file in files],
    )  # fmt: skip


def message(made, **options):
    return made.message(seq=7, address="ana@example.com", values=ANA, date=NOON, **options)


def parsed(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


@pytest.mark.parametrize("encoding", ["8bit", "encoded"])
@pytest.mark.parametrize("changes", [{}, {"text": "Olá {{ unsubscribe_url }}"}, {"html": ""}])
def test_two_readers_find_every_name_and_octet(encoding, changes):
    if "html" in changes:
        changes = {"text": "Only text {{ unsubscribe_url }}"}
    files = [File(name, "application/pdf", bytes([number]) * number) for number, name in enumerate(NAMES, 1)]
    octets = message(with_files(*files, **changes), encoding=encoding)

    first, second = parsed(octets), fast_mail_parser.parse_email(octets)
    assert not [*first.defects, *(defect for part in first.walk() for defect in part.defects)]
    assert first.get_content_type() == "multipart/mixed"
    found = list(first.iter_attachments())
    assert [(part.get_filename(), part.get_content()) for part in found] == [
        (f.name, f.octets) for f in files
    ]
    assert [(part.filename, part.content) for part in second.attachments] == [
        (f.name, f.octets) for f in files
    ]
    assert "Ana" in first.get_body(("html",)).get_content() or "Only" in str(first)
    assert max(map(len, octets.split(b"\r\n"))) <= 998


@settings(deadline=None, max_examples=150)
@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=150)
    .map(str.strip)
    .filter(bool)
)
@example("'" * 80)
@example("%" * 150)
def test_any_name_comes_back_in_short_lines(name):
    part = attached.part(File(name, "application/octet-stream", b"x"))

    assert email.message_from_bytes(part, policy=email.policy.default).get_filename() == name
    assert max(map(len, part.split(b"\r\n"))) <= 76
    assert part.isascii()


@pytest.mark.parametrize(
    ("given_type", "sent_type"),
    [
        ("text/plain", "text/plain"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_what_base64_may_not_hold_has_a_type_of_its_own(given_type, sent_type):
    part = email.message_from_bytes(attached.part(File("a.eml", given_type, b"x")))

    assert part.get_content_type() == sent_type


@pytest.mark.parametrize("size", [1, 2, 3, 56, 57, 58, 114, 1000])
def test_the_size_on_the_way_is_known_beforehand(size):
    body = attached.part(File("a", "", b"x" * size)).partition(b"\r\n\r\n")[2]

    assert attached.encoded_size(size) == len(body)


def test_what_goes_over_the_wire_is_the_message_and_its_files_are_the_same_octets_for_everybody():
    made = with_files(File("a.pdf", "application/pdf", b"..\r\n.x" * 5_000))

    wires = [made.wire(seq=seq, address="a@example.com", values=ANA, date=NOON) for seq in (1, 2)]

    assert wires[0] == dotted(made.message(seq=1, address="a@example.com", values=ANA, date=NOON))
    tails = {wire.partition(b"Content-Disposition")[2] for wire in wires}
    assert len(tails) == 1


def test_without_files_a_message_is_as_it_was():
    made = with_files()

    assert b"multipart/mixed" not in message(made)
    assert parsed(message(made)).get_content_type() == "multipart/alternative"
