"""The pages of units, for their administrators: what approval holds there, and where proofs may go."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_http_methods

from accounts import access
from accounts.access import NotAllowed
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.people import people
from accounts.rights import Right
from accounts.units import proof_addresses, unit_links
from accounts.units.unit_form import UnitForm


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The units that the person administers, from the top down, with the approval that holds in each.

    Raise NotAllowed for a person who administers none.
    """
    by = _person(request)
    rows = list(access.units(by, Right.ADMINISTER).order_by("path"))
    if not rows:
        raise NotAllowed(by=by, right=Right.ADMINISTER, target=OrganizationalUnit())
    return render(request, "accounts/units.html", {"rows": _listed(rows)})


def _listed(rows: list[OrganizationalUnit]) -> list[dict[str, Any]]:
    """The units as the list shows them; one query for whatever stands above them."""
    lineages = {pk for unit in rows for pk in unit.lineage}
    known = OrganizationalUnit.objects.in_bulk(lineages)
    top = min(len(unit.lineage) for unit in rows)
    return [
        {
            "unit": unit,
            "indent": "\u2003" * (len(unit.lineage) - top),
            "policy": ApprovalPolicy.tightest(known[pk].approval_policy for pk in unit.lineage).label,
            "own_list": proof_addresses.in_short(unit.proof_addresses) if unit.proof_addresses else "",
            "is_listed_above": any(known[pk].proof_addresses for pk in unit.lineage[:-1]),
        }
        for unit in rows
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Label, place, approval and the list of proofs of one unit. What it means for deliveries is said first."""
    by = _person(request)
    unit = get_object_or_404(access.readable_units(by).select_related("parent"), pk=pk)
    access.require(by, Right.ADMINISTER, unit)
    bound: Any = type("UnitForm", (UnitForm,), {"by": by})
    form = bound(request.POST or None, instance=unit)
    if request.method == "POST" and form.is_valid():
        saved = form.instance
        messages.success(request, _t("“%(unit)s” is saved.") % {"unit": saved})
        if saved.affected:
            messages.info(request, str(saved.affected))
        if saved.one_administrator_is_enough:
            messages.warning(request, str(people.ONE_IS_ENOUGH) % {"unit": saved})
        return redirect("units")
    fresh = OrganizationalUnit.objects.get(pk=unit.pk)
    shown = {
        "form": form,
        "unit": fresh,
        "policy": fresh.policy.label,
        "proofs": proof_addresses.words(fresh),
        "links_get": unit_links.of_unit(fresh).in_words(),
    }
    return render(request, "accounts/unit.html", shown)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
