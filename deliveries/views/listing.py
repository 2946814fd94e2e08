"""The list of deliveries, and what waits for whoever looks."""

from functools import cache

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST, require_safe

from accounts.desk import anywhere
from accounts.lists import as_it_was_left
from accounts.rights import Right
from campaign.lib import clock
from deliveries.folders import naming
from deliveries.forms.filters import DeliveryFilter
from deliveries.lifecycle import notices
from deliveries.models import Delivery
from deliveries.overview import figures, state
from deliveries.overview import todo as waits
from deliveries.sending import fence
from deliveries.views.shared import number, page, person


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """List the deliveries that the person may see, first those that run, wait or fail; as they left the list."""
    user = person(request)
    if (left := as_it_was_left(request, name="deliveries", form=DeliveryFilter, user=user)) is not None:
        return left
    filters = DeliveryFilter(request.GET, user=user, at=clock.now())
    rows = filters.narrowed(_rows(Delivery.objects.visible_to(user)))
    shown = filters.page(rows, before=number(request, "before"), after=number(request, "after"))
    problem = cache(fence.problem)  # asked once, for the rows and for the banner
    state.annotate(shown.rows, problem=problem)
    figures.annotate(shown.rows)
    naming.annotate(shown.rows)
    rights = anywhere(request)
    context = {
        "filters": filters,
        "shown": shown,
        "may_stop_all": Right.START in rights,
        "may_create": Right.PREPARE in rights,
        "is_narrowed": filters.narrows,
        "copy_problem": SimpleLazyObject(problem),
    }
    return page(request, "list", context)


@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """List the deliveries to approve, to confirm, and those of one's own that were rejected."""
    user = person(request)
    told = list(notices.shown_to(user)[: notices.SHOWN])
    return page(request, "waiting", {"waiting": waits.shown(user), "notices": told})


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Mark the person's notices as seen."""
    notices.mark_seen(by=person(request), at=clock.now())
    return redirect("deliveries:waiting")


def _rows(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    heavy = ("compiled", "manifest", "findings", "causes")
    related = deliveries.select_related("unit", "audience", "preparation", "created_by", "folder")
    return related.defer(*(f"preparation__{name}" for name in heavy))
