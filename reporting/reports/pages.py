"""The pages of reports: which there are, one of them on a subject, the same as a file."""

from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import access
from accounts.desk import person
from accounts.models import User
from accounts.rights import Right
from audiences.profiles import export_styles
from campaign.lib import clock, reader_zone
from reporting.pages import never_stored
from reporting.reports import kinds, written
from reporting.reports.forms import SubjectForm
from reporting.reports.frame import Kind, Reader
from reporting.reports.subjects import NoSuchSubject, Subject, TooManyCompared, found


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The reports that there are."""
    return render(request, "reporting/reports.html", {"kinds": kinds.KINDS.values()})


@require_safe
def report(request: HttpRequest, code: str) -> HttpResponse:
    """One report, on what the address names; without that a form that asks of what.

    Raise Http404 for a report that there isn't, and for a subject that the person may not see.
    """
    kind, user = _kind(code), person(request)
    names_one = any(name in request.GET for name in ("delivery", "folder", "unit"))
    context: dict[str, Any] = {"kind": kind, "kinds": kinds.KINDS.values()}
    try:
        subject = _subject(request, kind) if names_one else None
    except TooManyCompared as refusal:
        subject, context["refusal"] = None, str(refusal)
    context["form"] = SubjectForm(kind=kind, user=user, initial=subject.query if subject else {})
    if subject is not None:
        context |= {
            "subject": subject,
            "beside": kinds.beside(kind),
            "report": kind.made(subject, reader_of(subject, user)),
            "may_export": may_export(subject, user),
        }
    return never_stored(render(request, "reporting/report_page.html", context))


@require_safe
def export(request: HttpRequest, code: str) -> StreamingHttpResponse:
    """The same as CSV; raise Http404 as `report` does, and NotAllowed for whoever may not export."""
    kind, user = _kind(code), person(request)
    try:
        subject = _subject(request, kind)
    except TooManyCompared:
        raise Http404 from None
    lines = written.export(kind.made(subject, reader_of(subject, user)), by=user)
    response = StreamingHttpResponse(lines, content_type=export_styles.content_type(user))
    response.headers["Content-Disposition"] = f'attachment; filename="report-{kind.code}.csv"'
    return response


def reader_of(subject: Subject, user: User) -> Reader:
    """The person, now, in their hours; where nobody knows these in those of the first delivery."""
    own = reader_zone.named(subject.delivery.time_zone) if subject.deliveries else None
    return Reader(user, clock.now(), reader_zone.known() or own or ZoneInfo("UTC"))


def may_export(subject: Subject, user: User) -> bool:
    """Whether the person may take it away as a file, or have it sent to people."""
    return all(access.can(user, Right.EXPORT, target) for target in subject.targets)


def _kind(code: str) -> Kind:
    try:
        return kinds.named(code)
    except kinds.NoSuchReport:
        raise Http404 from None


def _subject(request: HttpRequest, kind: Kind) -> Subject:
    try:
        return found(kind.about, request.GET, user=person(request))
    except NoSuchSubject:
        raise Http404 from None
