"""The pages of scheduled reports: the list, one of them, making it, and leaving it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit
from accounts.desk import person
from accounts.rights import Right
from campaign.lib import clock
from campaign.lib.keyset import key_page
from campaign.lib.refusals import Forbidden, Refusal
from reporting.models import ScheduledReport
from reporting.reports import kinds
from reporting.reports.subjects import NoSuchSubject, Subject, TooManyCompared, found
from reporting.scheduled import definitions
from reporting.scheduled.forms import ScheduleForm

MAILS_SHOWN = 50


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The scheduled reports of the units that the person may read, and those that they get."""
    rows = definitions.shown_to(person(request)).prefetch_related("recipients", "deliveries")
    shown = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    return render(request, "reporting/scheduled.html", {"shown": shown, "kinds": kinds.KINDS})


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest, code: str) -> HttpResponse:
    """A report on what the address names, mailed again and again.

    Raise Http404 for a report that there isn't and for what the person may not see, NotAllowed without *Export*.
    """
    by = person(request)
    try:
        kind = kinds.named(code)
        subject = found(kind.about, request.GET, user=by)
    except (kinds.NoSuchReport, NoSuchSubject, TooManyCompared):
        raise Http404 from None
    for target in subject.targets:
        access.require(by, Right.EXPORT, target)
    form = ScheduleForm(request.POST or None, by=by, subject=subject)
    if request.method == "POST" and form.is_valid():
        try:
            definitions.create(kind=kind.code, subject=subject, by=by, at=clock.now(), **form.said)
        except Refusal as refusal:
            _said_in(form, request, refusal, "create_scheduled_report")
        else:
            messages.success(request, _t("The report will be mailed."))
            return redirect("reporting:scheduled")
    return render(request, "reporting/schedule_form.html", {"form": form, "kind": kind, "subject": subject})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """One scheduled report with its last mails; to change for whoever may export there."""
    by, report = person(request), _found(request, pk)
    context = _shown(report, request)
    if not context["may_change"]:
        if request.method == "POST":
            access.require(by, Right.EXPORT, report)
        return render(request, "reporting/schedule_form.html", context)
    form = ScheduleForm(request.POST or None, by=by, subject=context["subject"], report=report)
    if request.method == "POST" and form.is_valid():
        try:
            definitions.change(report=report, by=by, at=clock.now(), **form.said)
        except Refusal as refusal:
            _said_in(form, request, refusal, "change_scheduled_report")
        else:
            messages.success(request, _t("It is saved."))
            return redirect("reporting:scheduled-edit", pk)
    return render(request, "reporting/schedule_form.html", context | {"form": form})


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """It is sent no more."""
    definitions.delete(report=_found(request, pk), by=person(request))
    messages.success(request, _t("The scheduled report is deleted."))
    return redirect("reporting:scheduled")


@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """The person gets it no more."""
    definitions.leave(report=_found(request, pk), by=person(request))
    messages.success(request, _t("You don't get this report any more."))
    return redirect("reporting:scheduled")


def _shown(report: ScheduledReport, request: HttpRequest) -> dict[str, Any]:
    by = person(request)
    mails = report.mails.select_related("user")
    may_change = access.can(by, Right.EXPORT, report)
    return {
        "scheduled": report,
        "kind": kinds.named(report.kind),
        "subject": _subject(report, request),
        "may_change": may_change,
        "gets_it": report.recipients.filter(pk=by.pk).exists(),
        "mails": (mails if may_change else mails.filter(user=by))[:MAILS_SHOWN],
    }


def _subject(report: ScheduledReport, request: HttpRequest) -> Subject | None:
    """Of what it is; None where this person may not see that, or nothing is left of it."""
    try:
        return definitions.subject_of(report, user=person(request))
    except (NoSuchSubject, TooManyCompared):
        return None


def _found(request: HttpRequest, pk: int) -> ScheduledReport:
    report = definitions.shown_to(person(request)).filter(pk=pk).first()
    if report is None:
        hidden = ScheduledReport.objects.filter(pk=pk).first() if request.method == "POST" else None
        if hidden is not None:
            access.record_hidden(by=person(request), target=hidden)
        raise Http404
    return report


def _said_in(form: ScheduleForm, request: HttpRequest, refusal: Refusal, action: str) -> None:
    """Say above the form what a rule refuses; a missing right is raised on."""
    if isinstance(refusal, Forbidden):
        raise refusal
    audit.record_refusal(refusal, by=person(request), action=action)
    form.add_error(None, str(refusal))
