"""What a unit keeps and for how long, what would go next, and what is under a hold; the same of one delivery."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.desk import person
from accounts.edge.refused import told
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from campaign.lib import clock
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.retention import holds, periods
from reporting.pages import find
from reporting.retention import planning
from reporting.retention.forms import HoldForm, PeriodsForm

AHEAD = timedelta(days=30)
SHOWN = 50  # deliveries and holds


@require_http_methods(["GET", "HEAD", "POST"])
def of_unit(request: HttpRequest, pk: int) -> HttpResponse:
    """The settings of a unit, what they take within a month, and its holds; by POST the settings are saved."""
    unit = _unit(request, pk)
    form = PeriodsForm(request.POST or None, held=periods.of_unit(unit))
    if request.method == "POST" and form.is_valid():
        with told(request, unit, action="save_retention"):
            periods.save(unit=unit, days=form.cleaned_data, by=person(request))
            messages.success(request, _t("“%(unit)s” is saved.") % {"unit": unit})
            return redirect("reporting:unit-retention", pk)
    below = planning.administered(person(request), unit=unit)
    at = clock.now()
    due, ahead = (planning.plan(at=moment, units=below) for moment in (at, at + AHEAD))
    context = {
        "unit": unit,
        "form": form,
        "due": due[:SHOWN],
        "due_rows": sum(line.rows for line in due),
        "due_more": len(due) - SHOWN,
        "ahead_rows": sum(line.rows for line in ahead),
        "holds": list(holds.of_unit(unit)[:SHOWN]),
        "is_held": holds.of_unit(unit).filter(unit=unit, lifted_at=None).exists(),
        "hold_form": HoldForm(),
    }
    return render(request, "reporting/unit_retention.html", context)


@require_safe
def of_delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """What is kept of a delivery and until when, what has gone, and what keeps it."""
    delivery = find(request, pk)
    in_force = list(holds.of_delivery(delivery))
    context = {
        "delivery": delivery,
        "gone": list(delivery.purges.select_related("unit").order_by("id")),
        "kept": [(each, _goes_at(delivery, each.days)) for each in periods.of_delivery(delivery)],
        "holds": in_force,
        "is_held": any(hold.delivery_id == delivery.pk for hold in in_force),
        "is_over": delivery.status in groups.FINAL,
        "may_hold": access.can(person(request), Right.ADMINISTER, delivery),
        "hold_form": HoldForm(),
    }
    return render(request, "reporting/delivery_retention.html", context)


def _goes_at(delivery: Delivery, days: int | None) -> datetime | None:
    ended = delivery.ended_at or delivery.expires_at
    is_over = delivery.status in groups.FINAL and ended is not None
    return ended + timedelta(days=days) if is_over and days and ended is not None else None


@require_POST
def hold_unit(request: HttpRequest, pk: int) -> HttpResponse:
    """Nothing of the unit and below goes from now on."""
    return _place(request, _unit(request, pk), "reporting:unit-retention")


@require_POST
def hold_delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Nothing of the delivery goes from now on."""
    return _place(request, find(request, pk), "reporting:delivery-retention")


@require_POST
def lift_unit(request: HttpRequest, pk: int) -> HttpResponse:
    """The unit's own hold is over."""
    return _lift(request, _unit(request, pk), "reporting:unit-retention")


@require_POST
def lift_delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """The delivery's own hold is over."""
    return _lift(request, find(request, pk), "reporting:delivery-retention")


def _place(request: HttpRequest, on: Any, page: str) -> HttpResponse:
    reason = request.POST.get("reason", "")
    said = _t("“%(target)s” is under a legal hold: nothing of it goes.")
    return _done(
        request, on, page, lambda: holds.place(on=on, reason=reason, by=person(request), at=clock.now()), said
    )


def _lift(request: HttpRequest, on: Any, page: str) -> HttpResponse:
    said = _t("The legal hold of “%(target)s” is lifted.")
    return _done(request, on, page, lambda: holds.lift(on=on, by=person(request), at=clock.now()), said)


def _done(request: HttpRequest, on: Any, page: str, verb: Callable[[], Any], said: str) -> HttpResponse:
    with told(request, on):
        verb()
        messages.success(request, said % {"target": on})
    return redirect(page, on.pk)


def _unit(request: HttpRequest, pk: int) -> OrganizationalUnit:
    """The unit, for whoever administers it; raise Http404 for one that the person may not read, else NotAllowed."""
    unit = get_object_or_404(access.readable_units(person(request)), pk=pk)
    access.require(person(request), Right.ADMINISTER, unit)
    return unit
