"""Erasures at the desk: the list, and one more, by the same verb as the page."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.desk import DeskAdmin, UnitFilter, anywhere, person, told
from accounts.rights import Right
from audiences.models import Erasure
from campaign.lib import clock
from reporting.persons import erasing
from reporting.persons.erasing_pages import gone, shown, waiting


@admin.register(Erasure)
class ErasureAdmin(DeskAdmin):
    """Who was erased, by number; adding one asks whom, and shows what would go before it is typed."""

    right = Right.ERASE
    list_display = ["id", "at", "unit", "by", "reference", "finished_at", "what_waits"]
    list_filter = [UnitFilter]
    list_select_related = ["unit", "by"]
    fields = ["at", "unit", "by", "reference", "what_went", "what_waits", "finished_at", "watched_until"]
    readonly_fields = fields

    @display(description=_("waits"))
    def what_waits(self, erasure: Erasure) -> str:
        return "; ".join(f"{number} {label}" for label, number in waiting(erasure)) or "–"

    @display(description=_("erased"))
    def what_went(self, erasure: Erasure) -> str:
        return "; ".join(f"{label}: {number}" for label, number in gone(erasure)) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.ERASE in anywhere(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask whom, show what would go, and erase once the word is typed."""
        context: dict[str, Any] = {**self.admin_site.each_context(request), "opts": self.opts}
        typed = request.POST if self.has_add_permission(request) else {}
        if typed:
            with told(request):
                whom = erasing.find(typed.get("person", ""), by=person(request))
                context |= shown(whom) | {"text": typed.get("person", "")}
                if "confirmed" in typed:
                    erasure = erasing.erase(
                        whom,
                        confirmed=typed["confirmed"],
                        by=person(request),
                        at=clock.now(),
                        reference=typed.get("reference", ""),
                    )
                    messages.success(request, _("The person is erased. What must wait goes by itself."))
                    return redirect("admin:audiences_erasure_change", erasure.pk)
        return render(request, "admin/audiences/erasure/add.html", context)
