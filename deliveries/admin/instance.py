"""The operators' desk on the instance itself: whether it is at home, and adopting it where it is a copy."""

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
    """One page in place of a list: there is one row, and it is changed by adopting alone."""

    under_unit = False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        adopting = path("adopt/", view(require_POST(self.adopt_view)), name="deliveries_instance_adopt")
        return [adopting, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How the instance stands, what adopting it would do to each unfinished delivery, and the question."""
        foreseen = instances.foresee(by=person(request), at=clock.now())
        frame = self.admin_site.each_context(request)
        context = {"title": _("This instance"), "opts": self.opts, "foreseen": foreseen}
        return TemplateResponse(request, "admin/deliveries/instance/adopt.html", {**frame, **context})

    def adopt_view(self, request: HttpRequest) -> HttpResponse:
        """The instance may send again; what was unfinished stands still."""
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
