"""The mail of a scheduled report: made for its reader, of what they may see at this moment."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _t

from accounts import access
from accounts.models import User
from accounts.rights import Right
from campaign.lib import reader_zone
from reporting.models import ScheduledReport
from reporting.reports import kinds, written
from reporting.reports.frame import Reader, Report
from reporting.scheduled import definitions


def made(report: ScheduledReport, *, user: User, at: datetime) -> Report:
    """The report as this person may see it; raise NoSuchSubject where they may not see that of which it is."""
    subject = definitions.subject_of(report, user=user)
    zone = reader_zone.named(user.time_zone) or reader_zone.named(report.time_zone)
    assert zone is not None
    return kinds.named(report.kind).made(subject, Reader(user, at, zone))


def message(report: ScheduledReport, *, user: User, at: datetime, is_rehearsal: bool = False) -> EmailMessage:
    """The mail; with the file beside it for whoever may export, which is recorded unless it is a rehearsal.

    Raise NoSuchSubject as `made` does.
    """
    with translation.override(settings.LANGUAGE_CODE):
        found = made(report, user=user, at=at)
        subject = " ".join(f"{found.title}: {found.subject.in_words}".split())
        mail = EmailMessage(
            subject, "\n".join(_lines(report, found)), from_email=settings.NOTICES_FROM, to=[user.email],
            headers={"Auto-Submitted": "auto-generated"},
        )  # fmt: skip
        if all(access.can(user, Right.EXPORT, target) for target in found.subject.targets):
            rows = b"".join(written.rows(found, by=user) if is_rehearsal else written.export(found, by=user))
            mail.attach(f"report-{found.kind.code}.csv", rows, "text/csv")
        return mail


def _lines(report: ScheduledReport, found: Report) -> list[str]:
    page = f"{reverse('reporting:report-on', args=[found.kind.code])}?{found.subject.address}"
    own = reverse("reporting:scheduled-edit", args=[report.pk])
    return [
        *written.lines(found),
        "",
        _t("Each number opens its rows here:"),
        settings.PUBLIC_URL + page,
        "",
        _t("You get this report by a schedule in Sinete. Here you say that you want it no more:"),
        settings.PUBLIC_URL + own,
    ]
