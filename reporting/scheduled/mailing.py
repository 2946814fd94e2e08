"""What is due becomes a row for each person, and each row at most one mail: whatever is lost, repeated or late.

A row is handed over, in a transaction of its own, before its mail leaves. Whoever dies in between leaves a row of which
nobody knows whether it left; it is not sent again. What surely did not leave is tried again.
"""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPConnectError, SMTPException, SMTPHeloError, SMTPResponseException

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, QuerySet

from accounts import access, audit
from campaign.lib.refusals import Refusal
from reporting.models import ReportMail, ScheduledReport
from reporting.reports.subjects import NoSuchSubject
from reporting.scheduled import letters, moments

logger = logging.getLogger(__name__)
Status = ReportMail.Status

MOST_TRIES = 5
PATIENCE = timedelta(minutes=5)  # after the first failure; then 20, 45, 80 minutes
STALE = timedelta(hours=12)  # a moment that was missed by more is left out: the next one comes
MAILS_KEPT = timedelta(days=90)
AT_ONCE = 200
# The server said no, or there was none: nothing left.
_NOTHING_LEFT = (SMTPConnectError, SMTPHeloError, SMTPResponseException, ConnectionRefusedError, ValueError)


def is_anything_due(at: datetime) -> bool:
    """Whether a worker has anything to do here; one query."""
    reports = _due(at).order_by().values("pk")
    return reports.union(_waiting(at).order_by().values("pk")).exists()


def send_due(at: datetime) -> int:
    """Write the rows of what is due, and mail what waits; return how many mails left. Two at once share the work."""
    for pk in list(_due(at).values_list("pk", flat=True)[:AT_ONCE]):
        _write_rows(pk, at)
    ReportMail.objects.filter(moment__lt=at - MAILS_KEPT).delete()
    return sum(
        _mail(pk, at) for pk in list(_waiting(at).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    )


def _due(at: datetime) -> QuerySet[ScheduledReport]:
    return ScheduledReport.objects.filter(is_on=True, next_at__lte=at)


def _waiting(at: datetime) -> QuerySet[ReportMail]:
    return ReportMail.objects.filter(status=Status.WAITING, mail_after__lte=at)


@transaction.atomic
def _write_rows(pk: int, at: datetime) -> None:
    """A row for each person who gets it; then its next moment. Of moments that were missed only the last counts."""
    report = _due(at).select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
    if report is None or report.next_at is None:
        return
    moment = report.next_at
    while (later := moments.following(report, moment)) <= at:
        moment = later
    if moment > at - STALE:
        rows = [
            ReportMail(report=report, moment=moment, user_id=user, mail_after=at)
            for user in report.recipients.order_by("pk").values_list("pk", flat=True)
        ]
        ReportMail.objects.bulk_create(rows, ignore_conflicts=True)
    report.next_at = later
    report.save(update_fields=["next_at"])


def _mail(pk: int, at: datetime) -> int:
    """Mail one row; 1 if it left."""
    # Whoever changes the row first has it.
    if not ReportMail.objects.filter(pk=pk, status=Status.WAITING).update(
        status=Status.HANDED, tries=F("tries") + 1, ended_at=at
    ):
        return 0
    row = ReportMail.objects.select_related("report__unit", "report__folder", "user").get(pk=pk)
    try:
        message = _message(row, at)
    except Exception as error:  # whatever it was: nothing left, and the other mails go on
        logger.exception("mail %s of a scheduled report could not be made", pk)
        _again(row, at, error)
        return 0
    if message is None:
        _ends(row, Status.SKIPPED)
        return 0
    try:
        message.send()
    except _NOTHING_LEFT as error:
        _again(row, at, error)
        return 0
    except (OSError, SMTPException) as error:
        logger.warning("mail %s of a scheduled report may have left (%s)", pk, type(error).__name__)
        return 0
    _ends(row, Status.MAILED)
    return 1


def _message(row: ReportMail, at: datetime) -> EmailMessage | None:
    """The mail for whoever may have it now; None for a closed account, no address, or no right any more."""
    report, user = row.report, row.user
    if not (report.is_on and user.is_active and user.email):
        return None
    if not report.recipients.filter(pk=user.pk).exists():
        return None
    try:
        return letters.message(report, user=user, at=at)
    except (NoSuchSubject, access.NotAllowed) as refusal:
        audit.record_refusal(refusal, by=user, target=report, action="mail_scheduled_report")
        return None
    except Refusal as refusal:
        logger.warning("scheduled report %s can't be made: %s", report.pk, refusal.code)
        return None


def _ends(row: ReportMail, status: Status) -> None:
    ReportMail.objects.filter(pk=row.pk).update(status=status)


def _again(row: ReportMail, at: datetime, error: Exception) -> None:
    logger.warning("mail %s of a scheduled report did not leave (%s)", row.pk, type(error).__name__)
    is_last = row.tries >= MOST_TRIES
    ReportMail.objects.filter(pk=row.pk).update(
        status=Status.FAILED if is_last else Status.WAITING, mail_after=at + PATIENCE * row.tries**2
    )
