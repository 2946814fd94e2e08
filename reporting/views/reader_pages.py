"""The page on which the hits of a delivery are judged anew, for whoever administers its unit."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts.desk import person
from accounts.edge.refused import told
from campaign.lib import clock
from deliveries.models import Delivery
from reporting.counting import reclassifying
from reporting.models import HitReclassification

RUNS_SHOWN = 10


@require_http_methods(["GET", "HEAD", "POST"])
def reclassify(request: HttpRequest, pk: int) -> HttpResponse:
    """What was looked at, with what would change; by POST another look is asked for."""
    by, delivery = person(request), _find(request, pk)
    reclassifying.require(delivery=delivery, by=by)
    if request.method == "POST":
        with told(request, delivery, action="reclassify_hits"):
            reclassifying.start(delivery=delivery, by=by, at=clock.now())
        return redirect("reporting:reclassify-hits", pk)
    name = "_reclassifications" if request.headers.get("HX-Request") else "reclassify_hits"
    response = render(request, f"reporting/{name}.html", {"delivery": delivery} | _runs(delivery))
    response.headers["Cache-Control"] = "no-store, private"
    return response


@require_POST
def apply(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """Have what was found applied by a worker; raise Http404 for what was found of another delivery."""
    delivery = _find(request, pk)
    run = get_object_or_404(HitReclassification, pk=run_id, delivery=delivery)
    with told(request, delivery, action="apply_reclassify_hits"):
        reclassifying.apply(run=run, by=person(request))
        messages.success(request, _t("A worker is at it: look again in a moment."))
    return redirect("reporting:reclassify-hits", pk)


def _find(request: HttpRequest, pk: int) -> Delivery:
    rows = Delivery.objects.visible_to(person(request)).select_related("unit")
    return get_object_or_404(rows, pk=pk)


def _runs(delivery: Delivery) -> dict[str, Any]:
    rows = HitReclassification.objects.filter(delivery=delivery).select_related("by")
    shown = list(rows[:RUNS_SHOWN])
    return {
        "runs": [
            (run, reclassifying.moves_in_words(run), reclassifying.figures_in_words(run)) for run in shown
        ],
        "is_open": any(run.is_open for run in shown),
    }
