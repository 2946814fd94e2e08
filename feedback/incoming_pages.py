"""The pages about mail that comes back, for whoever administers everything: its sources, and what was reported."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.desk import person, told
from accounts.rights import Right
from accounts.roles import root
from campaign.lib import clock
from campaign.lib.keyset import key_page
from feedback.intake import reclassifying, sources
from feedback.models import IncomingMail, MailSource, Outcome, Reclassification, Report

MAIL_SHOWN = 200_000  # octets
RUNS_SHOWN = 20


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The sources with how their last look went, and every report, newest first; also what is no message of ours."""
    access.require(person(request), Right.ADMINISTER, root())
    rows = Report.objects.filter(is_current=True)
    outcome = request.GET.get("outcome", "")
    if outcome in Outcome.values:
        rows = rows.filter(outcome=outcome)
    return _never_stored(
        render(
            request,
            "feedback/incoming.html",
            {
                "page": key_page(rows, before=request.GET.get("before"), after=request.GET.get("after")),
                "outcomes": Outcome.choices,
                "outcome": outcome,
                "sources": MailSource.objects.all(),
                "unread": IncomingMail.objects.filter(read_at=None).count(),
            },
        )
    )


@require_safe
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """One mail as it came, as text."""
    access.require(person(request), Right.ADMINISTER, root())
    found = get_object_or_404(IncomingMail.objects.prefetch_related("reports"), pk=pk)
    octets = bytes(found.raw)
    context = {
        "mail": found,
        "text": octets[:MAIL_SHOWN].decode("utf-8", "replace"),
        "is_cut": len(octets) > MAIL_SHOWN,
    }
    return _never_stored(render(request, "feedback/incoming_mail.html", context))


@require_POST
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether a source can be reached from here is said as a message."""
    by = person(request)
    access.require(by, Right.ADMINISTER, root())
    source = get_object_or_404(MailSource, pk=pk)
    tell(request, source, sources.check_source(source=source, by=by))
    return redirect("feedback:incoming")


class SpanForm(forms.Form):
    """Days are whole days in UTC."""

    since = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until, with this day"), widget=forms.DateInput(attrs={"type": "date"}))


@require_http_methods(["GET", "HEAD", "POST"])
def reclassify(request: HttpRequest) -> HttpResponse:
    """Mail is read anew, and what that found is listed with its steps; by POST a reading is asked for."""
    by = person(request)
    access.require(by, Right.ADMINISTER, root())
    form = SpanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        span = {
            "since": datetime.combine(form.cleaned_data["since"], time.min, UTC),
            "until": datetime.combine(form.cleaned_data["until"], time.max, UTC),
        }
        with told(request):
            reclassifying.start(**span, by=by, at=clock.now())
            return redirect("feedback:reclassify")
    runs = Reclassification.objects.select_related("by")[:RUNS_SHOWN]
    return _never_stored(render(request, "feedback/reclassify.html", {"form": form, "runs": runs}))


@require_POST
def reclassify_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """Have what was found applied, or undone, by a worker; raise Http404 for another step."""
    by = person(request)
    access.require(by, Right.ADMINISTER, root())
    run = get_object_or_404(Reclassification, pk=pk)
    if step not in STEPS:
        raise Http404
    with told(request, run):
        STEPS[step](run=run, by=by)
        messages.success(request, _t("A worker is at it: look again in a moment."))
    return redirect("feedback:reclassify")


STEPS = {"apply": reclassifying.apply, "undo": reclassifying.undo}


def tell(request: HttpRequest, source: MailSource, found: sources.SourceCheck) -> None:
    """What a look at a source found is said with the next page."""
    slots: dict[str, Any] = {"source": source, "problem": found.problem, "number": found.waiting}
    if found.problem:
        messages.error(request, _t("%(source)s can't be reached: %(problem)s") % slots)
    else:
        text = ngettext(
            "%(source)s can be reached: %(number)s mail waits there.",
            "%(source)s can be reached: %(number)s mails wait there.",
            found.waiting,
        )
        messages.success(request, text % slots)


def _never_stored(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store, private"
    return response
