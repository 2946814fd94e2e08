"""The pages of erasure: whom, what would go and what waits, a word to type; and the erasures so far."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.desk import person
from accounts.edge.refused import told
from accounts.rights import Right
from audiences import sight
from audiences.models import Erasure
from campaign.lib import clock
from reporting.persons import erasing
from reporting.persons.erasing import WAITS, Whom
from reporting.persons.places import BY_CODE


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The erasures that one may see, newest first. Raise access.NotAllowed for who may erase nowhere."""
    if not access.units(person(request), Right.ERASE).exists():
        raise access.NotAllowed(by=person(request), right=Right.ERASE, target=person(request))
    rows = [(erasure, waiting(erasure)) for erasure in erasing.visible(person(request))[:200]]
    return render(request, "reporting/erasures.html", {"rows": rows})


def waiting(erasure: Erasure) -> list[tuple[Any, int]]:
    """What still waits, in words, with its number."""
    return [(WAITS[why] % number, number) for why, number in erasure.waits.items()]


def gone(erasure: Erasure) -> list[tuple[Any, int]]:
    """What went, in words, with its number."""
    return [(BY_CODE[code].label, number) for code, number in erasure.gone.items() if code in BY_CODE]


@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, profile_id: int) -> HttpResponse:
    """Whoever a profile is: what would go; and by POST with the right word it is erased. Raise access.NotAllowed."""
    profile = get_object_or_404(sight.people(person(request)).select_related("unit"), pk=profile_id)
    access.require(person(request), Right.ERASE, profile)
    whom = None
    with told(request, action="erase_person"):
        whom = erasing.of(profile, by=person(request))
        if request.method == "POST":
            return _erased(request, whom)
    if whom is None:
        return redirect("audiences:profile", profile_id)
    return render(request, "reporting/erase_person.html", shown(whom) | {"profile": profile})


@require_http_methods(["POST"])
def erase_address(request: HttpRequest) -> HttpResponse:
    """Whoever has an address or an id: the same. It is posted, so that no log has the address."""
    whom, text = None, request.POST.get("person", "")
    with told(request, action="erase_person"):
        whom = erasing.find(text, by=person(request))
        if "confirmed" in request.POST:
            return _erased(request, whom)
    if whom is None:
        return redirect("reporting:erasures")
    return render(request, "reporting/erase_person.html", shown(whom) | {"text": text})


def shown(whom: Whom) -> dict[str, Any]:
    """What a page says before somebody decides."""
    return {
        "whom": whom,
        "lines": erasing.lines(whom),
        "waits": [(WAITS[why] % number, number) for why, number in erasing.waits(whom).items()],
        "left": erasing.not_covered(whom),
    }


def _erased(request: HttpRequest, whom: Whom) -> HttpResponse:
    erasing.erase(
        whom,
        confirmed=request.POST.get("confirmed", ""),
        by=person(request),
        at=clock.now(),
        reference=request.POST.get("reference", ""),
    )
    messages.success(request, _t("The person is erased. What must wait goes by itself."))
    return redirect("reporting:erasures")
