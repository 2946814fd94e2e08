"""The summary of a delivery as a page to be printed, and as a file."""

from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import access
from accounts.desk import person
from accounts.rights import Right
from audiences.profiles import export_styles
from campaign.lib import clock
from reporting.counting.throughput import Throughput
from reporting.figures import kpis, periods, standing
from reporting.pages import find, never_stored
from reporting.reactions import reaction_pages
from reporting.reports import summary


@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """All of one delivery on one page; raise Http404 for whoever may not see it."""
    delivery, user = find(request, pk), person(request)
    look = standing.look(delivery, at=clock.now())
    found = summary.summary(delivery, user=user, at=clock.now(), look=look)
    context = {
        "delivery": delivery,
        "summary": found,
        "look": look,
        **(_of_throughput(found.throughput) if found.throughput else {}),
        "delivered": kpis.NAMED["delivered"].label,
        "failed": kpis.NAMED["failed"].label,
        "may_export": access.can(user, Right.EXPORT, delivery),
        **(reaction_pages.drawings(found.times) if found.times else {}),
    }
    return never_stored(render(request, "reporting/summary.html", context))


def _of_throughput(found: Throughput) -> dict[str, Any]:
    return {
        "throughput_chart": reaction_pages.throughput(found),
        "throughput_unit": periods.UNITS[found.unit],
    }


@require_safe
def export(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The same as CSV."""
    delivery, user = find(request, pk), person(request)
    lines = summary.export(delivery=delivery, by=user)
    response = StreamingHttpResponse(lines, content_type=export_styles.content_type(user))
    response.headers["Content-Disposition"] = f'attachment; filename="{delivery.name}-summary.csv"'
    return response
