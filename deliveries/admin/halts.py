"""The operators' desk on stopping all sending: who did it when and why, and the two buttons."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts import access
from accounts.desk import DeskAdmin, person, told
from accounts.rights import Right
from campaign.lib import clock
from deliveries.models import Halt
from deliveries.overview import state
from deliveries.sending.control import halts


@admin.register(Halt)
class HaltAdmin(DeskAdmin):
    """Stops of all sending, read-only.

    The receipt is counted after the halt is committed, so it has a view of its own.
    """

    right = Right.VIEW
    list_display = ["unit", "by", "at", "reason", "lifted_at", "lifted_by"]
    list_select_related = ["unit", "by", "lifted_by"]
    list_before_template = "admin/deliveries/halt/_stop.html"
    change_form_outer_before_template = "admin/deliveries/halt/_allow.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("stop/", view(self.stop_view), name="deliveries_halt_stop"),
            path("<int:pk>/allow/", view(require_POST(self.allow_view)), name="deliveries_halt_allow"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_stop = access.units(person(request), Right.START).exists()
        return super().changelist_view(request, {**(extra_context or {}), "may_stop": may_stop})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        halt = kwargs.get("obj")
        if halt is not None and halt.lifted_at is None:
            context["may_allow"] = self.may(request, Right.START, halt.unit)
        return super().render_change_form(request, context, *args, **kwargs)

    def stop_view(self, request: HttpRequest) -> HttpResponse:
        """By GET show what is under way and ask; by POST stop all sending of the unit and show the receipt."""
        by = person(request)
        if request.method == "POST":
            unit = self._unit(request)
            with told(request, unit):
                reason = request.POST.get("reason", "").replace("\x00", "")
                receipt = halts.stop_all(unit=unit, by=by, at=clock.now(), reason=reason)
                messages.warning(request, receipt.text)
                return self._page(request, "receipt", title=_("All sending is stopped"), receipt=receipt)
            return redirect("admin:deliveries_halt_stop")
        units = access.units(by, Right.START).order_by("path")
        under_way = list(halts.affected().filter(unit__in=units))
        state.annotate(under_way)
        return self._page(request, "stop", title=_("Stop all sending"), units=units, under_way=under_way)

    def allow_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Allow the sending again that this halt stopped. Raise Http404 for a halt that the person may not see."""
        halt = self.get_queryset(request).select_related("unit").filter(pk=pk).first()
        if halt is None:
            raise Http404
        with told(request, halt.unit):
            halts.allow(unit=halt.unit, by=person(request), at=clock.now())
            text = _t("Sending of “%(unit)s” is allowed again: what was held goes on.")
            messages.success(request, text % {"unit": halt.unit})
        return redirect("admin:deliveries_halt_change", pk)

    def _unit(self, request: HttpRequest) -> Any:
        found = access.readable_unit(person(request), request.POST.get("unit"))
        if found is None:
            raise Http404
        return found

    def _page(self, request: HttpRequest, name: str, **context: Any) -> TemplateResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"admin/deliveries/halt/{name}.html", {**frame, **context})
