"""Mails that come back, as mail systems write them."""

WRITTEN_TO = "ana.silva@example.org"
TOKEN = "b+1.2=tok@bounces.sender.example"
RETURNED = f"""
Return-Path: <{TOKEN}>
Received: from x by y; Mon, 1 Jan 2024 00:00:00 +0000
From: News <news@sender.example>
To: {WRITTEN_TO}
Subject: hello
Message-ID: <m1@sender.example>

Text with postmaster@other.example inside
"""


def mail(sender: str, subject: str, text: str, *headers: str) -> bytes:
    """A mail of nothing but text to the return path of a message to `WRITTEN_TO`."""
    head = [f"From: {sender}", f"To: {TOKEN}", f"Subject: {subject}", *headers, "MIME-Version: 1.0"]
    head += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
    return ("\n".join(head) + f"\n\n{text}").encode()


def delivery_report(
    diagnostic: str,
    *,
    status: str = "5.0.0",
    action: str = "failed",
    final: str = f"rfc822; {WRITTEN_TO}",
    original: str = "",
    type: str = "message/delivery-status",
) -> bytes:
    """A report as RFC 3464 has it, on a message to `WRITTEN_TO`."""
    recipient = [f"Original-Recipient: {original}"] if original else []
    recipient += [f"Final-Recipient: {final}", f"Action: {action}", f"Status: {status}"]
    fields = "\n".join([*recipient, f"Diagnostic-Code: {diagnostic}"])
    return f"""From: Mail Delivery System <MAILER-DAEMON@mx.sender.example>
To: {TOKEN}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="BB"

--BB
Content-Type: text/plain; charset=utf-8

Your message could not be delivered.

--BB
Content-Type: {type}

Reporting-MTA: dns; mx.sender.example

{fields}

--BB
Content-Type: text/rfc822-headers

From: News <news@sender.example>
To: {WRITTEN_TO}
Subject: Our spam free offers for blocked accounts
Message-ID: <m1@sender.example>

--BB--
""".encode()


def feedback_report(feedback_type: str, *fields: str) -> bytes:
    """A report as RFC 5965 has it."""
    said = "\n".join([f"Feedback-Type: {feedback_type}", "User-Agent: x", "Version: 1", *fields])
    return f"""From: fbl@isp.example
To: fbl@sender.example
Subject: FW: hello
Content-Type: multipart/report; report-type=feedback-report; boundary=B

--B
Content-Type: text/plain

This is an email abuse report
--B
Content-Type: message/feedback-report

{said}

--B
Content-Type: message/rfc822

From: news@sender.example
To: {WRITTEN_TO}
Message-ID: <m1@sender.example>

x
--B--
""".encode()
