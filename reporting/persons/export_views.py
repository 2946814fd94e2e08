"""The page on which all that is known of one person is exported: asked for, followed, downloaded, removed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.desk import person
from accounts.edge.refused import told
from audiences.models import Profile
from campaign.lib import clock
from campaign.lib.jobs import Queue, unheard
from campaign.lib.refusals import Refusal
from reporting.models import PersonExport
from reporting.persons import exporting
from reporting.persons.views import find

SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, profile_id: int) -> HttpResponse:
    """The exports of a person that one has asked for oneself; by POST another is asked for."""
    by, profile = person(request), find(request, profile_id)
    exporting.require(profile, by=by)
    if request.method == "POST":
        with told(request, profile, action="export_person"):
            exporting.start(profile=profile, by=by, at=clock.now())
        return redirect("reporting:person-export", profile.pk)
    shown = list(exporting.of(profile, by=by)[:SHOWN])
    is_open = any(each.is_open for each in shown)
    context = {
        "profile": profile,
        "exports": [(each, exporting.signed(each)) for each in shown],
        "is_open": is_open,
        "elsewhere": exporting.elsewhere(profile, by=by),
        "no_worker_runs": [text for _queue, text in unheard(Queue.DEFAULT)] if is_open else [],
    }
    name = "_person_exports" if request.headers.get("HX-Request") else "person_export"
    response = render(request, f"reporting/{name}.html", context)
    response.headers["Cache-Control"] = "no-store, private"
    return response


@require_safe
def download(request: HttpRequest, profile_id: int, export_id: int) -> HttpResponse | StreamingHttpResponse:
    """The file, for whoever asked for it, by a link of their page that is some minutes old at most."""
    profile = find(request, profile_id)
    found = _of(request, profile, export_id)
    try:
        pieces = exporting.hand_out(export=found, token=request.GET.get("token", ""), by=person(request))
    except (exporting.LinkOver, exporting.NotReady) as refusal:
        return _refused(request, profile, refusal)
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="person-{profile.pk}-{found.pk}.zip"'
    response.headers["Content-Length"] = str(found.octets)
    response.headers["Cache-Control"] = "no-store, private"
    return response


@require_POST
def withdraw(request: HttpRequest, profile_id: int, export_id: int) -> HttpResponse:
    """A file is gone before its day is over."""
    profile = find(request, profile_id)
    with told(request, profile, action="withdraw_person_export"):
        exporting.withdraw(export=_of(request, profile, export_id), by=person(request))
        messages.success(request, _t("The file is removed."))
    return redirect("reporting:person-export", profile.pk)


def _of(request: HttpRequest, profile: Profile, export_id: int) -> PersonExport:
    """Return one's own export; raise Http404 for another's, which there is not for this person."""
    exporting.require(profile, by=person(request))
    found: PersonExport = get_object_or_404(
        exporting.of(profile, by=person(request)).select_related("profile__unit"), pk=export_id
    )
    return found


def _refused(request: HttpRequest, profile: Profile, refusal: Refusal) -> HttpResponse:
    messages.error(request, str(refusal))
    return redirect("reporting:person-export", profile.pk)
