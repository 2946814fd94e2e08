"""Addresses that must not be written to."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.desk import DeskAdmin, VerbAdmin, VerbForm, administers_everything, person, told
from audiences.models import MailExchange, Quarantine
from audiences.quarantine import quarantines
from campaign.lib import clock


class QuarantineForm(VerbForm):
    """An address is held by hand; what bounces brought in is read."""

    class Meta:
        model = Quarantine
        fields = ["address_key", "error_text"]
        widgets = {"address_key": UnfoldAdminTextInputWidget, "error_text": UnfoldAdminTextInputWidget}

    def apply(self) -> Quarantine:
        data = self.cleaned_data
        return quarantines.hold_by_hand(
            address=data["address_key"], error_text=data["error_text"], at=clock.now(), by=self.by
        )


@admin.register(Quarantine)
class QuarantineAdmin(VerbAdmin):
    form = QuarantineForm
    under_unit = False
    list_display = ["address_key", "state", "reason", "errors", "last_error_at", "error_text"]
    list_filter = ["status", "reason"]
    search_fields = ["address_key"]
    change_form_outer_before_template = "admin/audiences/quarantine/_release.html"
    list_before_template = "admin/audiences/quarantine/_repair.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return administers_everything(request)

    @display(
        description=_("status"),
        ordering="status",
        label={"valid": "success", "erroneous": "warning", "quarantine": "danger", "denylist": "danger"},
    )
    def state(self, entry: Quarantine) -> tuple[str, Any]:
        return entry.status, Quarantine.Status(entry.status).label

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/release/",
                view(require_POST(self.release_view)),
                name="audiences_quarantine_release",
            ),
            *super().get_urls(),
        ]

    def release_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The address may be used again."""
        entry = get_object_or_404(Quarantine, pk=pk)
        with told(request, entry):
            quarantines.release(address_key=entry.address_key, by=person(request))
            messages.success(request, _("The address may be used again."))
        return redirect("admin:audiences_quarantine_change", pk)


@admin.register(MailExchange)
class MailExchangeAdmin(DeskAdmin):
    """Who takes mail for which domain, as DNS said, and when. Rows to read: workers write them."""

    under_unit = False
    list_display = ["domain", "provider", "outcome", "answered_at", "tried_at", "problem"]
    list_filter = ["outcome"]
    search_fields = ["domain", "provider"]
    fields = [
        "domain",
        "provider",
        "outcome",
        "hosts_in_order",
        "answered_at",
        "tried_at",
        "problem",
        "wanted_at",
    ]
    readonly_fields = fields

    @display(description=_("MX hosts"))
    def hosts_in_order(self, exchange: MailExchange) -> str:
        return ", ".join(exchange.hosts) or "–"
