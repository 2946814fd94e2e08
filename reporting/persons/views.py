"""The timeline of a person, as a part of the profile's page and as a page of its own."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.desk import administers_everything, person
from audiences import sight
from audiences.models import Profile
from reporting.persons import timeline, words
from reporting.persons.events import KINDS


@require_safe
def history(request: HttpRequest, profile_id: int) -> HttpResponse:
    """What happened to a person and what they did, newest first; `kind` may be given more than once.

    Raise Http404 for a place in it that there is not, and for whoever may not see the person.
    """
    profile = find(request, profile_id)
    kinds = timeline.kinds_among(request.GET.getlist("kind"))
    try:
        page = timeline.page(profile, user=person(request), kinds=kinds, before=request.GET.get("before", ""))
    except timeline.NoSuchPlace:
        raise Http404 from None
    administers = person(request).is_staff and administers_everything(request)
    context = {
        "profile": profile,
        "entries": [
            words.entry(event, administers=administers, is_clear=profile.is_clear) for event in page.events
        ],
        "hidden": page.hidden,
        "filters": _filters(profile, kinds),
        "older": _address(profile, kinds, before=page.older) if page.older else "",
        "is_first": not request.GET.get("before"),
    }
    name = "_profile_history" if request.htmx else "profile_history"
    response = render(request, f"reporting/{name}.html", context)
    response.headers["Cache-Control"] = "no-store, private"
    return response


def find(request: HttpRequest, profile_id: int) -> Any:
    """Return the profile with `is_clear`, for whoever may see the person; for anybody else there is none."""
    rows = sight.with_addresses(person(request)).select_related("unit")
    return get_object_or_404(rows, pk=profile_id)


def _filters(profile: Profile, chosen: frozenset[str]) -> list[dict[str, Any]]:
    """Each kind with the address that adds it to what is chosen, or takes it away."""
    return [
        {"label": label, "is_chosen": kind in chosen, "url": _address(profile, chosen ^ {kind})}
        for kind, label in KINDS.items()
    ]


def _address(profile: Profile, kinds: frozenset[str], **more: str) -> str:
    query = [("kind", kind) for kind in KINDS if kind in kinds] + list(more.items())
    address = reverse("reporting:profile_history", args=[profile.pk])
    return f"{address}?{urlencode(query)}" if query else address
