"""What comes back about the demo's newsletter in the days after: reports of mail servers, a complaint, two answers.

Each mail goes in by the command that a mail server calls, with the signs of the very message that it is about.
"""

import io
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.management import call_command

from campaign.lib import clock
from campaign.lib.jobs import JobRef
from campaign.lib.tokens import Purpose, default_signer
from deliveries.content.message.render import HEADER
from deliveries.models import Delivery, Message, MessageStatus

READ = JobRef("feedback.jobs.read_mail")
# How many, hours after the send, what the server said; of one provider, where it is named.
REPORTS = (
    (5, 2, "5.1.1", "550 5.1.1 <{to}>: Recipient address rejected: User unknown", ""),
    (7, 26, "5.2.2", "552 5.2.2 <{to}>: Mailbox full", ""),
    (3, 27, "4.4.1", "451 4.4.1 Could not connect to the server of the domain for 24 hours", ""),
    # A provider that went astray for an afternoon: its addresses are good again.
    (9, 30, "5.1.1", "550 5.1.1 <{to}>: no such recipient in the directory", "outlook.example"),
)
COMPLAINTS, AWAY = (2, 12), (3, 1)  # how many, and how many hours after the send


def write_back(delivery: Delivery, *, sent_ago: timedelta) -> int:
    """Let reports, complaints and automatic answers come in; return how many mails."""
    dice = random.Random(delivery.key)
    sent = Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).order_by("seq")
    left = list(sent.values_list("seq", "address"))
    dice.shuffle(left)
    for how_many, hours, status, said, provider in REPORTS:
        clock.set_offset(-(sent_ago - timedelta(hours=hours)))
        for seq, address in _some(left, how_many, provider):
            _take(_report(delivery, seq, address, status=status, said=said.format(to=address)), delivery, seq)
    for make, (how_many, hours) in ((_complaint, COMPLAINTS), (_away, AWAY)):
        clock.set_offset(-(sent_ago - timedelta(hours=hours)))
        for seq, address in _some(left, how_many):
            _take(make(delivery, seq, address), delivery, seq)
    READ.enqueue()
    return sent.count() - len(left)


def _some(left: list[tuple[int, str]], number: int, provider: str = "") -> list[tuple[int, str]]:
    """Take so many messages out of those that are left, of one provider if it is named."""
    taken = [row for row in left if row[1].endswith(provider)][:number]
    left[:] = [row for row in left if row not in taken]
    return taken


def _take(mail: str, delivery: Delivery, seq: int) -> None:
    token = default_signer().sign_caseless(Purpose.BOUNCE, delivery.key, seq)
    with _said(mail.encode()):
        call_command("receive_bounce", recipient=f"b-{token}@{_domain(delivery)}")


@contextmanager
def _said(octets: bytes) -> Iterator[None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(octets))
    try:
        yield
    finally:
        sys.stdin = before


def _domain(delivery: Delivery) -> str:
    assert delivery.content is not None
    return delivery.content.from_address.rpartition("@")[2]


def _report(delivery: Delivery, seq: int, address: str, *, status: str, said: str) -> str:
    """A delivery status notification of RFC 3464."""
    head = _head(delivery, seq, "MAILER-DAEMON@relay.example", "Undelivered Mail Returned to Sender")
    text = f"Your message to <{address}> could not be delivered. The server said:\n\n    {said}\n"
    fields = (
        f"Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; {address}\nAction: failed\n"
        f"Status: {status}\nDiagnostic-Code: smtp; {said}\n"
    )
    return head + _parts("delivery-status", text, fields, _returned(delivery, seq, address))


def _complaint(delivery: Delivery, seq: int, address: str) -> str:
    """A complaint of RFC 5965, as a provider sends it when somebody presses *Spam*."""
    head = _head(delivery, seq, "feedback@mail.example", "Complaint")
    text = "This is a spam report for a message that was received.\n"
    fields = "Feedback-Type: abuse\nUser-Agent: Mail/1.0\nVersion: 1\n"
    return head + _parts("feedback-report", text, fields, _returned(delivery, seq, address))


def _away(delivery: Delivery, seq: int, address: str) -> str:
    head = _head(delivery, seq, address, "Out of office")
    return f"{head}Auto-Submitted: auto-replied\n\nI am back in the office on Monday.\n"


def _head(delivery: Delivery, seq: int, sender: str, subject: str) -> str:
    number = f"{delivery.key}.{seq}.{subject.replace(' ', '-')}"
    return (
        f"From: {sender}\nTo: bounces@{_domain(delivery)}\nSubject: {subject}\n"
        f"Message-ID: <{number}@mail.example>\nMIME-Version: 1.0\n"
    )


def _parts(kind: str, text: str, fields: str, returned: str) -> str:
    return (
        f'Content-Type: multipart/report; report-type="{kind}"; boundary="cut"\n\n'
        f"--cut\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        f"--cut\nContent-Type: message/{kind}\n\n{fields}\n"
        f"--cut\nContent-Type: text/rfc822-headers\n\n{returned}\n--cut--\n"
    )


def _returned(delivery: Delivery, seq: int, address: str) -> str:
    signed = default_signer().sign(Purpose.MESSAGE, delivery.key, seq)
    assert delivery.content is not None
    return f"From: {delivery.content.from_address}\nTo: {address}\nSubject: News\n{HEADER}: {signed}\n"
