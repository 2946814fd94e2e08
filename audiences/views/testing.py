"""Test profiles: the addresses that get proofs."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access
from accounts.rights import Right
from audiences.forms.profiles import TestProfileForm
from audiences.models import TestProfile
from audiences.targets import definitions
from audiences.views.shared import refusals_in, visible_or_404
from campaign.lib.keyset import key_page


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    rows = access.visible(request.user, TestProfile.objects.select_related("unit"))
    page = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    can_create = access.units(request.user, Right.PREPARE).exists()
    can_administer = access.units(request.user, Right.ADMINISTER).exists()
    shown = {"page": page, "can_create": can_create, "can_administer": can_administer}
    return render(request, "audiences/test_profiles.html", shown)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    return _form_page(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_or_404(request, TestProfile.objects.select_related("unit"), pk)
    access.require(request.user, Right.PREPARE, found)
    return _form_page(request, found)


def _form_page(request: HttpRequest, found: TestProfile | None) -> HttpResponse:
    initial = None
    if found:
        initial = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in found.values.items()
        }
        initial |= {"label": found.label, "address": found.email, "unit": found.unit_id}
    form = TestProfileForm(request.POST or None, initial=initial, user=request.user, test_profile=found)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            definitions.save_test_profile(
                pk=found.pk if found else None,
                label=form.cleaned_data["label"],
                email=form.cleaned_data["address"],
                unit=form.cleaned_data["unit"],
                values=form.values,
                by=request.user,
            )
            return redirect("audiences:test-profiles")
    return render(request, "audiences/test_profile_form.html", {"form": form, "test_profile": found})


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_or_404(request, TestProfile.objects.select_related("unit"), pk)
    definitions.delete_test_profile(test_profile=found, by=request.user)
    messages.success(request, _t("“%(label)s” is deleted.") % {"label": found.label})
    return redirect("audiences:test-profiles")
