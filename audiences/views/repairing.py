"""Letting addresses go that a provider's outage put into quarantine: look first, then do it."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import access, audit
from accounts.desk import person
from accounts.rights import Right
from accounts.roles import root
from audiences.quarantine import outages
from audiences.quarantine.outages import Outage
from audiences.views.shared import used_again
from campaign.lib import clock
from campaign.lib.refusals import Forbidden, Refusal


class OutageForm(forms.Form):
    """Days are whole days in UTC."""

    since = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Until, with this day"), widget=forms.DateInput(attrs={"type": "date"}))
    domain = forms.CharField(label=_("Domain"), required=False, max_length=255)
    mx_host = forms.CharField(
        label=_("MX host"),
        required=False,
        max_length=253,
        help_text=_(
            "Whose mail servers take the mail, such as outlook.com: all domains that are hosted there."
        ),
    )
    text = forms.CharField(label=_("Part of the error text"), required=False, max_length=255)

    def outage(self) -> Outage:
        """What was typed; to be called once it is valid."""
        typed = self.cleaned_data
        return Outage(
            datetime.combine(typed["since"], time.min, UTC), datetime.combine(typed["until"], time.max, UTC),
            typed["domain"], typed["text"], typed["mx_host"],
        )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def repair(request: HttpRequest) -> HttpResponse:
    """Say by GET which addresses would be let go, and let them go by POST; raise Forbidden without the right."""
    by = person(request)
    access.require(by, Right.ADMINISTER, root())
    typed = request.POST if request.method == "POST" else request.GET
    form = OutageForm(typed or None)
    context: dict[str, Any] = {"form": form, "title": _("Repair after an outage")}
    if form.is_valid():
        try:
            if request.method == "POST":
                number = outages.repair(form.outage(), by=by, at=clock.now())
                messages.success(request, used_again(number))
                return redirect("audiences:repair-quarantine")
            context["affected"] = outages.foresee(form.outage(), by=by)
        except Forbidden:
            raise
        except Refusal as refusal:
            if request.method == "POST":
                audit.record_refusal(refusal, by=by, action="repair_quarantine")
            messages.error(request, str(refusal))
    return render(request, "audiences/repair_quarantine.html", context)
