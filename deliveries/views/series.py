"""The runs of a recurring delivery."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from campaign.lib.keyset import key_page
from deliveries.overview import state
from deliveries.series import calendar
from deliveries.views.shared import find, number, page

VIEWS = {"run": _("Each run"), **calendar.PERIOD_LABELS}


@require_safe
def runs(request: HttpRequest, pk: int) -> HttpResponse:
    """List every moment so far, newest first; or the runs of a day, a month or a year taken together."""
    delivery = find(request, pk)
    by = request.GET.get("by", "run")
    context = {"delivery": delivery, "views": VIEWS, "by": by if by in VIEWS else "run"}
    if by in calendar.PERIODS and delivery.is_recurring:
        return page(request, "runs", context | {"periods": calendar.by_period(delivery, by)})
    shown = key_page(
        calendar.runs(delivery), before=number(request, "before"), after=number(request, "after"), size=50
    )
    state.annotate([row.execution for row in shown.rows if row.execution])
    return page(request, "runs", context | {"shown": shown, "rows": shown.rows})
