"""Bytes of any kind are read, and soon."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.reports import read
from feedback.reports.patience import Patience
from feedback.reports.tests.mails import RETURNED, delivery_report, feedback_report, mail

REAL = [
    delivery_report("smtp; 550 5.1.1 user unknown", original="utf-8; jos\\x{e9}@example.org"),
    feedback_report("abuse", "Original-Rcpt-To: a@example.org"),
    mail(
        "MAILER-DAEMON@x.example", "=?utf-8?b?RmFpbHVyZQ==?=", f"<a@example.org>:\nno such user\n{RETURNED}"
    ),
]
ODD = [
    b"--", b"\n\n", b"\r\n", b"\0", b"\xff\xfe", b"@", b"<", b"=?utf-8?b?x", b"charset=utf-7", b"charset=idna", b"+/v8-",
    b"Content-Type: multipart/report; boundary=\"\"\n", b"Content-Transfer-Encoding: base64\n", b"boundary*=x''%ff",
    b"From: (((((", b"\x1b$B", b"Final-Recipient:", b"From x\n",
]  # fmt: skip
SECONDS = 2.0
MEGABYTE = 1024 * 1024
HEAD = b"From: MAILER-DAEMON@x\nSubject: Undelivered Mail Returned to Sender\n"
MULTIPART = b"Content-Type: multipart/report; boundary=B\n\n--B\n"


def everything(raw: bytes) -> str:
    """Read a mail, and use all that it says as a database would."""
    report = read(raw)
    said = [one.recipient + one.status + one.rule + one.diagnostic for one in report.recipients]
    said += [name + value for name, value in report.returned_headers.items()]
    text = "".join([*said, *report.envelope_to, *report.message_ids, report.reply_from])
    assert report.recipients
    assert "\0" not in text
    return text.encode().decode()


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_read(raw):
    everything(raw)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_report_that_was_damaged_is_read(seed):
    chance = random.Random(seed)
    raw = bytearray(chance.choice(REAL))
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(raw) + 1)
        end = at + chance.choice([0, 0, 1, 40])
        raw[at:end] = chance.choice([chance.choice(ODD), chance.randbytes(8), bytes(raw[:at][-200:])])

    everything(bytes(raw))


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(20_000)),
        HEAD + b"Content-Type: message/rfc822\n\n" * 30_000,
        HEAD + b"\n" + b"a@b.c " * 170_000,
        HEAD + b"\n" + b"".join(b"<a%d@b.c>: mailbox full\n" % i for i in range(40_000)),
        HEAD + b"\n" + b"a" * MEGABYTE,
        HEAD + b"\n" + b"a." * (MEGABYTE // 2),
        HEAD + b"\n" + b" " * MEGABYTE,
        HEAD + b"\n" * MEGABYTE,
        HEAD + b'Content-Type: multipart/mixed; boundary="-"\n\n' + b"---\n" * (MEGABYTE // 4),
        HEAD + b"Content-Type: text/html\n\n" + b"<div>" * (MEGABYTE // 5),
        HEAD + b"Content-Type: text/html\n\n<table><tr><td>a<td>" + b"<div>" * (MEGABYTE // 5),
        HEAD + b"Content-Type: text/html\n\n" + b"<table><tr><td>a<td>" * 40_000,
        HEAD + b"\n" + b'<"|x"@b.c> (expanded from <a@b.c>)\n' * 30_000,
        HEAD + b"\n" + b"Reason:\n" * 100_000,
        b"X-Failed-Recipients: " + b"a@b.c, " * 500 + b"\n" + HEAD + b"\n" + b"Reason: " * 100_000,
        HEAD + b"\n" + b"{" * MEGABYTE,
        HEAD + b"\n" + b"user unknown mailbox full " * 40_000,
        HEAD + b"\n" + b"".join(b"a%d@b.c\n" % i for i in range(40_000)),
        HEAD + b"\n" + "收件人".encode() * 100_000 + b"a@b.c",
        HEAD + b"\n" + ("信" * 120 + "a@b.c").encode() * 2_000,
        HEAD + b"\n" + b"user user mailbox account domain host " * 25_000,
        HEAD + b"\n" + b"<a@b.c> (expanded from " * 40_000,
        HEAD + b"\n" + b"5.1.1 550 " * 100_000,
        b"From: " + b"(" * MEGABYTE + b"\n\n",
        b"From: " + b"=?utf-8?q?a?= " * 70_000 + b"\n\n",
        b"Content-Type: text/plain; " + b"a*0=b; " * 50_000 + b"\n\n",
        b"A: b\n" * 200_000,
        b"From x\n" * 150_000,
        HEAD + MULTIPART + b"Content-Type: message/delivery-status\n\n"
        + b"".join(b"Final-Recipient: rfc822;a%d@b.c\nAction: failed\nStatus: 5.1.1\n\n" % i for i in range(20_000)),
    ],
    ids=lambda raw: repr(raw[:90]),
)  # fmt: skip
def test_a_mail_that_was_made_to_be_slow_is_not(raw):
    patience = Patience(SECONDS)

    read(raw, patience=patience)

    patience.check()


def test_a_mail_that_costs_more_than_it_is_worth_changes_nothing():
    report = read(REAL[0], patience=Patience(-1))

    assert (report.kind, report.reason) == ("not_a_bounce", "unreadable")
