"""Notices that people read, and no machine was thought of."""

import pytest

from feedback.reports import read
from feedback.reports.tests import more_notices, notices, older_notices, rarer_notices
from feedback.reports.tests.mails import RETURNED, WRITTEN_TO, mail

DAEMON = "MAILER-DAEMON@relay.example"


@pytest.mark.parametrize(
    "given",
    notices.NOTICES + more_notices.NOTICES + older_notices.NOTICES + rarer_notices.NOTICES,
    ids=lambda given: given[0],
)
def test_a_notice_says_who_failed_and_why(given):
    _, sender, subject, kind, reason, text, *headers = given

    report = read(mail(sender, subject, text, *headers))

    assert [(one.recipient, one.kind) for one in report.recipients] == [(WRITTEN_TO, kind)]
    assert reason is None or report.reason == reason


def test_each_of_several_has_a_reason_of_their_own():
    text = "I wasn't able to deliver your message to the following addresses.\n\n<a@example.org>:\nno such user\n\n<b@example.org>:\nmailbox full\n\n--- Below this line is a copy of the message.\n"

    report = read(mail(DAEMON, "failure notice", text + RETURNED))

    assert {one.recipient: (one.kind, one.reason) for one in report.recipients} == {
        "a@example.org": ("hard", "user_unknown"),
        "b@example.org": ("soft", "mailbox_full"),
    }
    assert report.kind == "hard"


@pytest.mark.parametrize(
    ("text", "recipient"),
    [
        ("<x@example.net> (expanded from <{to}>): user unknown", WRITTEN_TO),
        ("  x@example.net\n    (generated from {to})\n    550 user unknown", WRITTEN_TO),
        ("to local user x.\n(Originally addressed to {to})\nUser not known", WRITTEN_TO),
        ("The following recipients:\n  {to}\nWrite to help@example.net or call us.", WRITTEN_TO),
        ("{to}... User unknown", WRITTEN_TO),
        ("Failed Recipient: {to}\nReason: unknown user\nSender: news@sender.example", WRITTEN_TO),
        ("c=US;a= ;p=X;o=Y;dda:SMTP={to}; on Fri\n   not recognized", WRITTEN_TO),
        ("550 no such user, david...@example.org", ""),
        ("<postmaster@example.org>: user unknown", "postmaster@example.org"),
        ("Please contact postmaster@example.org.", ""),
        ("Someone could not be reached.", ""),
    ],
)
def test_the_address_that_failed_is_told_from_others(text, recipient):
    text = "Your message could not be delivered.\n\n" + text.format(to=WRITTEN_TO)

    report = read(mail(DAEMON, "Undelivered Mail Returned to Sender", text))

    assert [one.recipient for one in report.recipients] == [recipient]


def test_where_the_text_names_nobody_the_returned_message_does():
    text = (
        "Your message could not be delivered.\n\n--- Below this line is a copy of the message.\n" + RETURNED
    )

    assert read(mail(DAEMON, "failure notice", text)).recipients[0].recipient == WRITTEN_TO


def test_where_the_returned_message_went_to_a_list_nobody_is_named():
    returned = RETURNED.replace("Subject: hello", "Subject: hello\nList-Id: <x.example>")
    text = (
        f"Your message could not be delivered.\n\n--- Below this line is a copy of the message.\n{returned}"
    )

    assert read(mail(DAEMON, "failure notice", text)).recipients[0].recipient == ""


def test_what_was_returned_is_handed_over_for_whoever_looks_for_the_message():
    text = f"<{WRITTEN_TO}>:\nno such user\n\n--- Below this line is a copy of the message.\n" + RETURNED

    report = read(mail(DAEMON, "failure notice", text, "X-Original-To: b+9.9=tok@bounces.sender.example"))

    assert report.returned_headers["subject"] == "hello"
    assert report.message_ids == ("m1@sender.example",)
    assert report.envelope_to == ("b+9.9=tok@bounces.sender.example", "b+1.2=tok@bounces.sender.example")
    assert report.reply_from == DAEMON


def test_a_subject_that_we_wrote_is_no_reason():
    text = f"Your message\n\n  To: x\n  Subject: Spam, virus, mailbox full\n\ndid not reach:\n\n{WRITTEN_TO}\n  user unknown"

    assert read(mail(DAEMON, "Undeliverable: hello", text)).kind == "hard"


def test_what_a_filter_puts_under_its_mails_is_no_reason():
    text = f"<{WRITTEN_TO}>: user unknown\n\nThis email has been scanned for spam and viruses.\n"

    assert read(mail(DAEMON, "failure notice", text)).kind == "hard"


def test_a_report_that_a_filter_attached_to_a_mail_of_its_own_is_found():
    inner = (
        "From: postmaster@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=I\n\n"
        f"--I\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822;{WRITTEN_TO}\n"
        "Action: failed\nStatus: 5.1.1\n\n--I--\n"
    )
    raw = (
        "From: postmaster@x.example\nSubject: Undeliverable\nContent-Type: multipart/mixed; boundary=O\n\n"
        f"--O\nContent-Type: message/rfc822\n\n{inner}\n--O--\n"
    ).encode()

    assert read(raw).kind == "hard"


def test_a_report_whose_header_lost_its_content_type_is_found():
    raw = (
        f"From: {DAEMON}\nSubject: Undelivered\n\n--abcdefg\nContent-Type: text/plain\n\nSorry.\n"
        f"--abcdefg\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822;{WRITTEN_TO}\n"
        "Action: failed\nStatus: 5.2.2\n\n--abcdefg--\n"
    ).encode()

    assert [(one.recipient, one.status) for one in read(raw).recipients] == [(WRITTEN_TO, "5.2.2")]
