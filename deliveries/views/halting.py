"""The pages to stop all sending when something is badly wrong, and to allow it again."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from campaign.lib import clock
from deliveries.overview import state
from deliveries.sending.control import halts
from deliveries.views.shared import page, person, told


@require_http_methods(["GET", "HEAD", "POST"])
def stop_all(request: HttpRequest) -> HttpResponse:
    """By GET show what is under way and ask; by POST stop all sending of a unit and show the receipt."""
    by = person(request)
    if request.method == "POST":
        unit = _unit(request)
        with told(request, action="stop_all_sending"):
            receipt = halts.stop_all(
                unit=unit, by=by, at=clock.now(), reason=request.POST.get("reason", "").replace("\x00", "")
            )
            messages.warning(request, receipt.text)
            return page(request, "stopped_all", {"receipt": receipt})
        return redirect("deliveries:stop-all")
    units = access.units(by, Right.START).order_by("path")
    if not units:
        access.require(by, Right.START, by.home_unit or OrganizationalUnit.objects.get(parent=None))
    under_way = list(halts.affected().filter(unit__in=units))
    state.annotate(under_way)
    return page(request, "stop_all", {"units": units, "under_way": under_way})


@require_POST
def allow(request: HttpRequest) -> HttpResponse:
    """Allow sending again: what was held goes on."""
    unit = _unit(request)
    with told(request, action="allow_sending"):
        halts.allow(unit=unit, by=person(request), at=clock.now())
        messages.success(
            request, _t("Sending of “%(unit)s” is allowed again: what was held goes on.") % {"unit": unit}
        )
    return redirect("deliveries:list")


def _unit(request: HttpRequest) -> OrganizationalUnit:
    found = access.readable_unit(person(request), request.POST.get("unit"))
    if found is None:
        raise Http404
    return found
