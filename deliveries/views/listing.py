"""The list of deliveries, and what waits for whoever looks."""

from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import access
from accounts.rights import Right
from deliveries import waiting as waits
from deliveries.filters import DeliveryFilter, key_page
from deliveries.models import Chunk, Delivery, Status
from deliveries.views.shared import number, page, person

RUNNING = (Status.SENDING, Status.PAUSED)


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Deliveries that the person may see, newest first."""
    user = person(request)
    filters = DeliveryFilter(request.GET, user=user)
    rows = filters.narrowed(_rows(Delivery.objects.visible_to(user)))
    shown = key_page(rows, before=number(request, "before"), after=number(request, "after"))
    _add_progress(shown.rows)
    context = {
        "filters": filters,
        "shown": shown,
        "may_create": access.units(user, Right.PREPARE).exists(),
        "is_narrowed": filters.narrows,
    }
    return page(request, "list", context)


@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """Deliveries to approve, to confirm, and those of one's own that came back."""
    return page(request, "waiting", {"waiting": waits.lists(person(request))})


def _rows(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    heavy = ("compiled", "manifest", "findings", "causes")
    related = deliveries.select_related("unit", "audience", "preparation", "created_by")
    return related.defer(*(f"preparation__{name}" for name in heavy))


def _add_progress(rows: list[Delivery]) -> None:
    """How much of those on their way has an outcome: one query for the page, none where nothing is sent."""
    running = [row.pk for row in rows if row.status in RUNNING]
    if not running:
        return
    outcomes = sum(Coalesce(Sum(name), 0) for name in ("sent", "failed", "in_doubt", "ignored", "cancelled"))
    done = dict(
        Chunk.objects.filter(delivery_id__in=running)
        .values("delivery_id")
        .annotate(outcomes=outcomes)
        .values_list("delivery_id", "outcomes")
    )
    for row in rows:
        row.outcomes = done.get(row.pk)
