"""Files that go along with a delivery: attached, taken away, and downloaded by whoever may see the delivery."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_POST, require_safe

from campaign.lib import clock
from deliveries.drafting import attachments
from deliveries.forms.attachments import Attach, uploads_of
from deliveries.views.shared import find, find_editable, person, refused_to_dashboard, told


@require_POST
@refused_to_dashboard
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """The posted files go along with every message."""
    delivery = find_editable(request, pk)
    form = Attach(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _t("Choose at least one file to attach."))
        return redirect("deliveries:content", pk)
    with told(request, delivery, action="attach_files"):
        files = uploads_of(form.cleaned_data["files"])
        there = attachments.attach(delivery=delivery, by=person(request), at=clock.now(), files=files)
        messages.success(request, _t("Attached: %(names)s") % {"names": ", ".join(map(str, there))})
    return redirect("deliveries:content", pk)


@require_POST
@refused_to_dashboard
def detach(request: HttpRequest, pk: int) -> HttpResponse:
    """The named file goes along no more."""
    delivery = find_editable(request, pk)
    name = request.POST.get("name", "").replace("\x00", "")
    with told(request, delivery, action="detach_files"):
        attachments.detach(delivery=delivery, by=person(request), at=clock.now(), names=[name])
        messages.success(request, _t("“%(name)s” is no longer attached.") % {"name": name})
    return redirect("deliveries:content", pk)


@require_safe
def download(request: HttpRequest, pk: int, attachment: int) -> HttpResponse:
    """One file as it was uploaded, never shown in the browser."""
    found = get_object_or_404(find(request, pk).attachments, pk=attachment)
    answer = HttpResponse(bytes(found.data), content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = _as_file(found.name)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


def _as_file(name: str) -> str:
    return content_disposition_header(True, name) or "attachment"
