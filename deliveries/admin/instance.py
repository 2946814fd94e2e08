"""The operators' desk for the instance itself: whether it runs where it was adopted, and adopting a copy."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.desk import DeskAdmin, person, told
from campaign.lib import clock
from deliveries.models import Instance
from deliveries.operations import instances


@admin.register(Instance)
class InstanceAdmin(DeskAdmin):
    """One page in place of a list: there is one row, and only adopting changes it."""

    under_unit = False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        adopting = path("adopt/", view(require_POST(self.adopt_view)), name="deliveries_instance_adopt")
        return [adopting, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how the instance stands and what adopting it would do to each unfinished delivery, and ask."""
        foreseen = instances.foresee(by=person(request), at=clock.now())
        frame = self.admin_site.each_context(request)
        context = {"title": _("This instance"), "opts": self.opts, "foreseen": foreseen}
        return TemplateResponse(request, "admin/deliveries/instance/adopt.html", {**frame, **context})

    def adopt_view(self, request: HttpRequest) -> HttpResponse:
        """Adopt the instance: it may send again, and what was unfinished waits for a person."""
        with told(request):
            receipt = instances.adopt(
                by=person(request), at=clock.now(),
                keep_unfinished="keep_unfinished" in request.POST, again="again" in request.POST,
            )  # fmt: skip
            text = _t(
                "Adopted. %(deliveries)s deliveries are held, %(messages)s messages have an unknown outcome."
            )
            slots = {"deliveries": len(receipt.deliveries), "messages": receipt.in_doubt}
            messages.success(request, text % slots)
        return redirect("admin:deliveries_instance_changelist")
