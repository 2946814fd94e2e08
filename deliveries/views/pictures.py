"""The picture library: the list, what is added, one picture with what shows it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, audit
from accounts.rights import Right
from campaign.lib import clock
from campaign.lib.keyset import key_page
from campaign.lib.refusals import Forbidden, Refusal
from deliveries.drafting import library, picture_uses
from deliveries.forms.pictures import AddPicture, Describe
from deliveries.models import Picture
from deliveries.views.shared import page, person, told


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """The pictures that the person may see; by POST one more. Raise NotAllowed for a person who may prepare nowhere."""
    by = person(request)
    may_add = access.units(by, Right.PREPARE).exists()
    if request.method == "POST" and not may_add:
        raise access.NotAllowed(by=by, right=Right.PREPARE, target=by)
    form = AddPicture(request.POST or None, request.FILES or None, by=by) if may_add else None
    made = _added(request, form) if form is not None and request.method == "POST" else None
    if made is not None:
        messages.success(request, _t("“%(picture)s” is in the library.") % {"picture": made})
        return redirect("deliveries:picture", made.pk)
    words = request.GET.get("q", "").strip().replace("\0", "")[:200]
    rows = library.seen_by(by)
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(alt__icontains=words))
    found = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    uses = picture_uses.uses_of([each.sha256 for each in found.rows])
    for each in found.rows:
        each.uses = uses.get(each.sha256, 0)
    return page(request, "pictures", {"form": form, "page": found, "q": words})


def _added(request: HttpRequest, form: AddPicture) -> Picture | None:
    if not form.is_valid():
        return None
    return _done(request, form, lambda: library.add(**form.said, by=person(request), at=clock.now()))


@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One picture, its address, and what shows it; by POST it is described anew."""
    picture, by = _seen(request, pk), person(request)
    may_change = access.can(by, Right.PREPARE, picture.unit)
    if request.method == "POST":
        access.require(by, Right.PREPARE, picture.unit)
    initial = {"name": picture.name, "alt": picture.alt, "ornament": not picture.alt}
    form = Describe(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        said = {"name": form.cleaned_data["name"], "alt": form.cleaned_data["alt"]}
        if _done(request, form, lambda: library.describe(picture=picture, by=by, **said)):
            messages.success(request, _t("Saved."))
            return redirect("deliveries:picture", pk)
    deliveries, templates, number = library.shown_in(picture, by=by)
    context = {
        "picture": picture, "form": form if may_change else None, "deliveries": deliveries, "templates": templates,
        "number": number, "hidden": number - len(deliveries) - len(templates),
    }  # fmt: skip
    return page(request, "picture", context)


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """The picture is gone, unless something shows it."""
    picture = _seen(request, pk)
    with told(request, picture, action="remove_picture"):
        library.remove(picture=picture, by=person(request))
        messages.success(request, _t("“%(picture)s” is removed.") % {"picture": picture})
        return redirect("deliveries:pictures")
    return redirect("deliveries:picture", pk)


def _done(request: HttpRequest, form: Any, verb: Callable[[], Picture]) -> Picture | None:
    """What the verb made; where it refuses, the form says why."""
    try:
        return verb()
    except Forbidden:
        raise
    except Refusal as refusal:
        audit.record_refusal(refusal, by=person(request), action="picture")
        form.add_error(None, str(refusal))
        return None


def _seen(request: HttpRequest, pk: int) -> Picture:
    return get_object_or_404(library.seen_by(person(request)), pk=pk)
