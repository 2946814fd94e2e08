"""The runs of a recurring delivery."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from deliveries import standing, upcoming
from deliveries.filters import key_page
from deliveries.views.shared import find, number, page


@require_safe
def runs(request: HttpRequest, pk: int) -> HttpResponse:
    """Every moment that was, newest first."""
    delivery = find(request, pk)
    shown = key_page(
        upcoming.runs(delivery), before=number(request, "before"), after=number(request, "after"), size=50
    )
    standing.add([row.execution for row in shown.rows if row.execution])
    return page(request, "runs", {"delivery": delivery, "shown": shown, "rows": shown.rows})
