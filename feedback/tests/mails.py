"""Mail as it comes back: reports about a message of ours, with the signs by which it is known."""

from itertools import count

from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery, Message

SIGNS = ("return_path", "header", "message_id")
USER_UNKNOWN = "smtp; 550 5.1.1 <nobody>: user unknown"
OTHER_WORDS = {"5.2.2": "smtp; 552 5.2.2 mailbox full", "4.4.1": "smtp; 451 4.4.1 no answer from host"}
_numbers = count(1)


def bounce_of(
    delivery: Delivery,
    seq: int = 1,
    *,
    status: str = "5.1.1",
    action: str = "failed",
    text: str = "",
    recipient: str = "",
    signs: tuple[str, ...] = SIGNS,
    key: int | None = None,
) -> bytes:
    """A delivery status notification of RFC 3464, a new one for each call; `text` is by default what fits `status`."""
    text = text or (
        USER_UNKNOWN if status == "5.1.1" else OTHER_WORDS.get(status, f"smtp; 550 {status} not accepted")
    )
    recipient = recipient or Message.objects.values_list("address", flat=True).get(delivery=delivery, seq=seq)
    key = delivery.key if key is None else key
    to = return_path(key, seq) if "return_path" in signs else "bounces@example.com"
    returned = "".join(f"{name}: {value}\n" for name, value in _returned(key, seq, signs))
    return f"""\
From: MAILER-DAEMON@mx.example.net
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <report-{next(_numbers)}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain

Your message could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: {text}

--cut
Content-Type: message/rfc822

{returned}
Hello

--cut--
""".encode()


def complaint_of(delivery: Delivery, seq: int = 1) -> bytes:
    """An abuse report of RFC 5965, a new one for each call."""
    returned = "".join(f"{name}: {value}\n" for name, value in _returned(delivery.key, seq, SIGNS))
    return f"""\
From: feedback@mx.example.net
To: {return_path(delivery.key, seq)}
Subject: Complaint
Message-ID: <complaint-{next(_numbers)}@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="cut"

--cut
Content-Type: text/plain

This is a spam report.

--cut
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Mail/1.0
Version: 1

--cut
Content-Type: message/rfc822

{returned}
Hello

--cut--
""".encode()


def human_reply(delivery: Delivery, seq: int = 1) -> bytes:
    """What a person writes back to the return path of their message."""
    return (
        f"From: Ana <ana@example.com>\nTo: {return_path(delivery.key, seq)}\nSubject: Re: News\n"
        f"Message-ID: <reply-{next(_numbers)}@example.com>\n\nThank you! When do you open?\n"
    ).encode()


def return_path(key: int, seq: int) -> str:
    """The envelope's sender of a message, as the send makes it."""
    return f"b-{default_signer().sign_caseless(Purpose.BOUNCE, key, seq)}@bounces.example.com"


def _returned(key: int, seq: int, signs: tuple[str, ...]) -> list[tuple[str, str]]:
    signer = default_signer()
    headers = [("Subject", "News")]
    if "header" in signs:
        headers.append(("X-Sinete-Message", signer.sign(Purpose.MESSAGE, key, seq)))
    if "message_id" in signs:
        headers.append(
            ("Message-ID", f"<{signer.sign_caseless(Purpose.MESSAGE, key, seq)}@serra-alta.example.com>")
        )
    return headers
