"""A scheduled report is made, changed, left and deleted. What leaves by mail is data that leaves: it takes *Export*."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib import locking, reader_zone
from campaign.lib.refusals import Refusal
from deliveries.models import Folder
from reporting.models import ScheduledReport
from reporting.reports import kinds
from reporting.reports.subjects import DAYS, About, Subject, of_deliveries, of_folder, of_unit
from reporting.scheduled import moments

MOST_RECIPIENTS = 50


class NobodyGetsIt(Refusal):
    message = _("Say who gets the report: between 1 and %(most)s people.")
    code = "nobody_gets_it"
    exit_code = 2


class MayNotSee(Refusal):
    message = _("“%(user)s” may not see that of which the report is, and so can't get it.")
    code = "may_not_see"


class NoAddress(Refusal):
    message = _("“%(user)s” has no mail address.")
    code = "no_address"


class BadRhythm(Refusal):
    message = _("%(field)s: %(reason)s")
    code = "bad_rhythm"
    exit_code = 2


class OtherSubject(Refusal):
    message = _("“%(report)s” can't be of that: choose another report.")
    code = "other_subject"
    exit_code = 2


@transaction.atomic
def create(
    *, kind: str, subject: Subject, recipients: Sequence[User], by: User, at: datetime,
    rhythm: str, at_time: time, time_zone: str, weekday: int = 1, month_day: int = 1,
) -> ScheduledReport:  # fmt: skip
    """The report on the subject is mailed to these people from the next moment of its rhythm on.

    Raise NotAllowed without *Export* on the subject, MayNotSee for a recipient who may not see it, OtherSubject where
    the report can't be of that, and a Refusal for people, a rhythm or a zone that make no sense.
    """
    report = ScheduledReport(kind=kinds.named(kind).code, unit=subject.home, created_by=by)
    if kinds.named(kind).about != subject.about:
        raise OtherSubject(report=kinds.named(kind).title)
    report.folder, report.days = subject.folder, subject.days
    for target in subject.targets:
        access.require(by, Right.EXPORT, target)
    _require_readers(subject, recipients, known=())
    _set_rhythm(report, rhythm, at_time, time_zone, weekday, month_day, at=at)
    report.save()
    report.deliveries.set(subject.deliveries)
    report.recipients.set(recipients)
    audit.record("create_scheduled_report", by=by, target=report, **_said(report))
    return report


@transaction.atomic
def change(
    *, report: ScheduledReport, recipients: Sequence[User], by: User, at: datetime,
    rhythm: str, at_time: time, time_zone: str, weekday: int = 1, month_day: int = 1, is_on: bool = True,
) -> ScheduledReport:  # fmt: skip
    """It goes to these people, in this rhythm; switched off it goes to nobody. Of what it is stays.

    Raise what `create` raises.
    """
    report = locked(report.pk)
    access.require(by, Right.EXPORT, report)
    subject, before = subject_of(report), _said(report)
    for target in subject.targets:
        access.require(by, Right.EXPORT, target)
    known = set(report.recipients.values_list("pk", flat=True))
    _require_readers(subject, recipients, known=known)
    report.is_on = is_on
    _set_rhythm(report, rhythm, at_time, time_zone, weekday, month_day, at=at)
    report.save()
    report.recipients.set(recipients)
    audit.record("change_scheduled_report", by=by, target=report, before=before, after=_said(report))
    return report


@transaction.atomic
def leave(*, report: ScheduledReport, by: User) -> None:
    """The person gets it no more, whoever made it; what nobody gets any more is switched off."""
    report = locked(report.pk)
    if not report.recipients.filter(pk=by.pk).exists():
        return
    report.recipients.remove(by)
    if not report.recipients.exists():
        report.is_on, report.next_at = False, None
        report.save(update_fields=["is_on", "next_at"])
    audit.record("leave_scheduled_report", by=by, target=report)


@transaction.atomic
def delete(*, report: ScheduledReport, by: User) -> None:
    """It is sent no more. Raise NotAllowed without *Export* in its unit."""
    report = locked(report.pk)
    access.require(by, Right.EXPORT, report)
    audit.record("delete_scheduled_report", by=by, target=report, **_said(report))
    report.delete()


def go_with_folder(folder: Folder, by: User) -> None:
    """The reports about a folder go with it, whoever may delete that, each by an audit event of its own."""
    for report in ScheduledReport.objects.filter(folder=folder).order_by("pk"):
        audit.record(
            "delete_scheduled_report", by=by, target=report, with_folder=folder.label, **_said(report)
        )
        report.delete()


def subject_of(report: ScheduledReport, *, user: User | None = None) -> Subject:
    """Of what it is, as this person may see it now. Raise NoSuchSubject where they may not, or nothing is left."""
    about = kinds.named(report.kind).about
    if about == About.FOLDER:
        return of_folder(report.folder_id, user=user, days=report.days)
    if about == About.UNIT:
        return of_unit(report.unit_id, user=user, days=report.days)
    return of_deliveries(about, report.deliveries.order_by("pk").values_list("pk", flat=True), user=user)


def shown_to(user: User) -> QuerySet[ScheduledReport]:
    """Those of the units that the person may read, and those that they get."""
    mine = ScheduledReport.objects.filter(recipients=user).values("pk")
    seen = access.visible(user, ScheduledReport.objects.all()).order_by().values("pk")
    rows = ScheduledReport.objects.filter(Q(pk__in=seen) | Q(pk__in=mine))
    return rows.select_related("unit", "folder", "created_by").order_by("-pk")


def readers(subject: Subject) -> QuerySet[User]:
    """The people who may see it, and so can get it, by name."""
    return access.holders(Right.VIEW, subject.targets[0]).exclude(email="")


def locked(pk: int) -> ScheduledReport:
    """The schedule with its row locked."""
    return locking.locked(ScheduledReport.objects.all(), pk)


def _require_readers(subject: Subject, recipients: Sequence[User], *, known: Iterable[int]) -> None:
    """Raise unless these are people who may see it; of those who get it already that is asked at each sending."""
    if not 1 <= len(recipients) <= MOST_RECIPIENTS:
        raise NobodyGetsIt(most=MOST_RECIPIENTS)
    for user in recipients:
        if user.pk in known:
            continue
        if not user.email:
            raise NoAddress(user=user)
        if not all(access.can(user, Right.VIEW, target) for target in subject.targets):
            raise MayNotSee(user=user)


def _set_rhythm(
    report: ScheduledReport,
    rhythm: str,
    at_time: time,
    zone: str,
    weekday: int,
    month_day: int,
    *,
    at: datetime,
) -> None:
    if rhythm not in ScheduledReport.Rhythm.values:
        raise BadRhythm(field=_("How often"), reason=", ".join(ScheduledReport.Rhythm.values))
    if reader_zone.named(zone) is None:
        raise BadRhythm(field=_("Time zone"), reason=_("there is no “%s”") % zone[:64])
    if not 1 <= weekday <= 7 or not 1 <= month_day <= 31:
        raise BadRhythm(field=_("Day"), reason=_("a weekday is from 1 to 7, a day of the month from 1 to 31"))
    if report.days is not None and report.days not in DAYS:
        raise BadRhythm(field=_("Days"), reason=", ".join(map(str, DAYS)))
    report.rhythm, report.at_time, report.time_zone = rhythm, at_time.replace(second=0, microsecond=0), zone
    report.weekday, report.month_day = weekday, month_day
    report.next_at = moments.following(report, at) if report.is_on else None


def _said(report: ScheduledReport) -> dict[str, Any]:
    who = list(report.recipients.order_by("pk").values_list("pk", flat=True))
    names = ("kind", "folder_id", "days", "rhythm", "weekday", "month_day", "time_zone", "is_on")
    return {name: getattr(report, name) for name in names} | {
        "at": f"{report.at_time:%H:%M}",
        "recipients": who,
    }
