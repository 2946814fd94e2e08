"""What the fields of a delivery report (RFC 3464) say: who, and what became of it."""

import pytest

from feedback.reports import read
from feedback.reports.tests.mails import WRITTEN_TO, delivery_report


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_a_report_of_success_is_delivered(action):
    report = read(delivery_report("smtp; 250 OK", status="2.0.0", action=action))

    assert [(one.recipient, one.kind) for one in report.recipients] == [(WRITTEN_TO, "delivered")]


@pytest.mark.parametrize("action", ["delayed", "Delayed", "delayed (will retry)"])
def test_a_warning_is_no_bounce_yet_whatever_it_says(action):
    report = read(delivery_report("smtp; 550 5.1.1 user unknown", status="4.1.1", action=action))

    assert report.kind == "delayed"


@pytest.mark.parametrize(
    ("final", "original", "recipient"),
    [
        ("rfc822; other@elsewhere.example", "rfc822;ana.silva@example.org", "ana.silva@example.org"),
        ("rfc822;<Ana.Silva@Example.ORG>", "", "Ana.Silva@Example.ORG"),
        ("ana.silva@example.org", "", "ana.silva@example.org"),
        ("rfc822; IMCEASMTP-ana+2Esilva+40example+2Eorg@gateway.example", "", "ana.silva@example.org"),
        ("utf-8; josé@exâmple.org", "", "josé@exâmple.org"),
        ("utf-8; jos\\x{e9}@example.org", "", "josé@example.org"),
        ("rfc822; ana+40example.org", "", "ana@example.org"),
        ('rfc822; "ana silva"@example.org', "", '"ana silva"@example.org'),
        ("X400; /S=ana/O=org", "rfc822;ana.silva@example.org", "ana.silva@example.org"),
        ("unknown; ana", "", WRITTEN_TO),  # as the returned message says
    ],
)
def test_the_recipient_is_whom_we_wrote_to(final, original, recipient):
    raw = delivery_report("smtp; 550 user unknown", final=final, original=original)

    assert [one.recipient for one in read(raw).recipients] == [recipient]


def test_a_report_in_utf_8_is_read_like_another():
    raw = delivery_report("smtp; 550 user unknown", type="message/global-delivery-status")

    assert read(raw).kind == "hard"


def test_fields_that_are_torn_apart_are_put_together():
    raw = delivery_report("smtp; 550 user unknown").replace(b"\nAction", b"\n\nAction")

    assert [(one.recipient, one.kind) for one in read(raw).recipients] == [(WRITTEN_TO, "hard")]


def test_recipients_without_a_line_between_them_are_told_apart():
    two = b"Action: failed\nStatus: 5.2.2\nFinal-Recipient: rfc822; bia@example.org\nAction: failed"

    report = read(delivery_report("smtp; 550 user unknown").replace(b"Action: failed", two))

    assert {one.recipient: (one.status, one.kind) for one in report.recipients} == {
        WRITTEN_TO: ("5.2.2", "soft"),
        "bia@example.org": ("5.0.0", "hard"),
    }


def test_without_an_action_a_warning_is_known_by_its_words():
    raw = delivery_report("smtp; 450 later", status="4.4.1").replace(b"Action: failed\n", b"")
    assert read(raw).kind == "soft"

    warned = raw.replace(
        b"Your message could not be delivered.", b"Your message has been delayed. We will keep trying."
    )

    assert read(warned).kind == "delayed"


def test_a_telephone_number_is_no_reply_code():
    raw = delivery_report("smtp; user unknown, call us at 480-624-2500")

    assert read(raw).kind == "hard"
