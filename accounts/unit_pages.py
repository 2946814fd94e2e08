"""The pages of units, for their administrators: what approval holds there, and where proofs may go."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_http_methods

from accounts import access, people, proof_addresses
from accounts.access import NotAllowed
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from accounts.unit_form import UnitForm


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The units that the person administers, from the top down, with the approval that holds in each."""
    by = _person(request)
    rows = list(access.units(by, Right.ADMINISTER).order_by("path"))
    if not rows:
        raise NotAllowed(by=by, right=Right.ADMINISTER, target=OrganizationalUnit())
    holds = _policies(rows)
    listed = [{"unit": unit, "depth": len(unit.lineage) - 1, "policy": holds[unit.pk].label} for unit in rows]
    return render(request, "accounts/units.html", {"rows": listed})


def _policies(rows: list[OrganizationalUnit]) -> dict[int, ApprovalPolicy]:
    """What holds in each, in one query for all of them."""
    lineages = {pk for unit in rows for pk in unit.lineage}
    own = dict(OrganizationalUnit.objects.filter(pk__in=lineages).values_list("pk", "approval_policy"))
    return {unit.pk: ApprovalPolicy.tightest(own[pk] for pk in unit.lineage) for unit in rows}


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
    }
    return render(request, "accounts/unit.html", shown)


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
