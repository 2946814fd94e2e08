"""Consents that nobody could read: the list, and the decision about one person or about all of a unit."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts import access
from accounts.edge.refused import told
from accounts.rights import Right
from audiences.consent import doubts
from audiences.models import Profile
from audiences.views.shared import visible_or_404
from campaign.lib import clock, numbers
from campaign.lib.keyset import key_page


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Who is held because a consent is unclear, with the words that nobody could read; newest first."""
    rows = doubts.open_to(request.user).select_related("profile", "profile__unit")
    page = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    units = access.units(request.user, Right.PREPARE)
    decidable = set(units.values_list("pk", flat=True))
    clear = set(access.units(request.user, Right.ADDRESSES).values_list("pk", flat=True))
    for doubt in page.rows:
        doubt.can_decide = doubt.profile.unit_id in decidable
        doubt.profile.is_clear = doubt.profile.unit_id in clear
    return render(request, "audiences/unclear.html", {"page": page, "units": units, "number": rows.count()})


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide about one person. What a rule refuses is shown; Forbidden is raised for whoever may not decide."""
    found = visible_or_404(request, Profile.objects.select_related("unit"), pk)
    with told(request, found, action="decide_unclear_consents"):
        doubts.decide(
            profile=found, decision=request.POST.get("decision", ""), at=clock.now(), by=request.user
        )
        messages.success(request, _t("The consent is noted."))
    return redirect("audiences:unclear") if "list" in request.POST else redirect("audiences:profile", pk)


@require_POST
def decide_all(request: HttpRequest) -> HttpResponse:
    """Decide about everybody of a unit and below alike; that all may be written to is asked once more first.

    What a rule refuses is shown; Forbidden is raised for whoever may not decide.
    """
    units = access.units(request.user, Right.PREPARE)
    unit = get_object_or_404(units, pk=numbers.key(request.POST.get("unit")))
    decision, expected = request.POST.get("decision", ""), request.POST.get("expected", "")
    if decision == doubts.Decision.WRITE and not expected and (there := doubts.open_below(unit)):
        return render(request, "audiences/unclear_all.html", {"unit": unit, "number": there})
    with told(request, unit, action="decide_unclear_consents"):
        number = doubts.decide_all(
            unit=unit,
            decision=decision,
            at=clock.now(),
            by=request.user,
            expected=numbers.key(expected) if expected else None,
        )
        said = ngettext("%(number)s consent is decided.", "%(number)s consents are decided.", number)
        messages.success(request, said % {"number": number})
    return redirect("audiences:unclear")
