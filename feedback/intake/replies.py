"""What people write back to a return path is forwarded to the *Reply to* of the delivery that they answer."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _t

from campaign.lib import clock
from deliveries.models import Delivery
from feedback.models import IncomingMail, MailKind, Reply, Report

logger = logging.getLogger(__name__)

MARK = "X-Sinete-Forwarded"  # what bears it was forwarded by us, and is not again
BY_PEOPLE = {"", "ordinary"}  # reasons of other mail that no machine wrote
MOST_TRIES = 6
PATIENCE = timedelta(minutes=5)  # after the first failure; then 20, 45, 80, 125 minutes
AT_ONCE = 100


def rows_of(mails: Sequence[IncomingMail], reports: Sequence[Report]) -> list[Reply]:
    """The replies among these mails, not stored yet: ordinary mail that bears a signature of a message of ours."""
    by_id = {mail.pk: mail for mail in mails}
    return [
        Reply(mail=by_id[report.mail_id], delivery_id=report.delivery_id, seq=report.seq)
        for report in reports
        if report.delivery_id is not None
        and report.seq is not None
        and report.evidence != Report.Evidence.UNSUBSCRIBE
        and _is_by_a_person(report)
        and not _was_forwarded(bytes(by_id[report.mail_id].raw))
    ]


def _is_by_a_person(report: Report) -> bool:
    return report.number == 1 and report.kind == MailKind.NOT_A_BOUNCE and report.reason in BY_PEOPLE


def _was_forwarded(raw: bytes) -> bool:
    head = raw[:65_536].partition(b"\n\n")[0].partition(b"\r\n\r\n")[0]
    return f"\n{MARK.lower()}:".encode() in b"\n" + head.lower()


def forward_due() -> int:
    """What people wrote has left to whom they should have written; returns how many did. Two at once share the work."""
    now = clock.now()
    ids = list(due(now).order_by("next_try_at").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_forward(pk, now) for pk in ids)


def due(at: datetime | None = None) -> QuerySet[Reply]:
    """What should be forwarded by then; by now where no moment is given."""
    return Reply.objects.filter(forwarded_at=None, tries__lt=MOST_TRIES, next_try_at__lte=at or clock.now())


@transaction.atomic
def _forward(pk: int, now: datetime) -> bool:
    """The row is locked while its mail goes out: it goes twice only if this process dies just then."""
    rows = Reply.objects.select_for_update(skip_locked=True, of=("self",)).select_related("mail")
    reply = rows.filter(pk=pk, forwarded_at=None).first()
    if reply is None:
        return False
    to = _reply_to(reply)
    reply.tries += 1
    if to:
        try:
            _message(reply, to).send()
            reply.forwarded_at, reply.forwarded_to = now, to
        except (OSError, SMTPException, ValueError) as error:
            logger.warning("reply %s could not be forwarded (%s)", pk, type(error).__name__)
            reply.next_try_at = now + PATIENCE * reply.tries**2
    else:
        reply.tries = MOST_TRIES  # it is counted; its delivery names nobody who reads replies
    reply.save(update_fields=["tries", "next_try_at", "forwarded_at", "forwarded_to"])
    return reply.forwarded_at is not None


def _reply_to(reply: Reply) -> str:
    compiled = (
        Delivery.objects.filter(pk=reply.delivery_id).values_list("preparation__compiled", flat=True).first()
    )
    return (compiled or {}).get("reply_to", "")


def _message(reply: Reply, to: str) -> EmailMessage:
    raw = bytes(reply.mail.raw)
    delivery = Delivery.objects.get(pk=reply.delivery_id)
    with translation.override(settings.LANGUAGE_CODE):
        message = EmailMessage(
            _t("A reply to “%(delivery)s”") % {"delivery": " ".join(delivery.label.split())},
            _t(
                "Somebody answered a message of “%(delivery)s” at its return path. What they wrote is attached."
            )
            % {"delivery": delivery.label},
            from_email=settings.NOTICES_FROM,
            to=[to],
            headers={MARK: "1", "Auto-Submitted": "auto-generated"},
        )
    # The header alone: whoever reads the parts calls itself for each inside of another, and there may be thousands.
    sender = str(BytesHeaderParser().parsebytes(raw[:65_536]).get("From", ""))
    if sender.isascii() and "\n" not in sender and "@" in sender and len(sender) < 500:
        message.reply_to = [sender]
    # As a file: whatever its octets are, they arrive as they came.
    message.attach("reply.eml", raw, "application/octet-stream")
    return message
