"""Consents that nobody could read, and the decision about each person or about those that are marked."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.desk import DeskAdmin, anywhere, person, told
from accounts.rights import Right
from audiences import sight
from audiences.consent import doubts
from audiences.models import ConsentDoubt, Profile
from campaign.lib import clock


@admin.register(ConsentDoubt)
class ConsentDoubtAdmin(DeskAdmin):
    """Open and decided ones; the open ones of a person are decided together."""

    under_unit = False
    list_display = ["at", "profile", "channel", "words", "decision", "decided_by", "reference"]
    list_filter = ["decision", "channel"]
    list_select_related = ["profile", "decided_by"]
    actions = ["write", "opt_out"]
    change_form_outer_before_template = "admin/audiences/consentdoubt/_decide.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.VIEW in anywhere(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentDoubt]:
        return ConsentDoubt.objects.filter(profile__in=sight.people(person(request)).values("pk"))

    @admin.action(description=_("May be written to"))
    def write(self, request: HttpRequest, rows: QuerySet[ConsentDoubt]) -> None:
        self._decide_marked(request, rows, doubts.Decision.WRITE)

    @admin.action(description=_("Opted out"))
    def opt_out(self, request: HttpRequest, rows: QuerySet[ConsentDoubt]) -> None:
        self._decide_marked(request, rows, doubts.Decision.OPT_OUT)

    def _decide_marked(self, request: HttpRequest, rows: QuerySet[ConsentDoubt], decision: str) -> None:
        marked = Profile.objects.filter(pk__in=rows.filter(decision="").values("profile"))
        for profile in marked.select_related("unit"):
            self._decide(request, profile, decision)

    def _decide(self, request: HttpRequest, profile: Profile, decision: str) -> None:
        with told(request, profile):
            doubts.decide(profile=profile, decision=decision, at=clock.now(), by=person(request))
            messages.success(request, _("Decided: %(profile)s.") % {"profile": profile})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/decide/",
                view(require_POST(self.decide_view)),
                name="audiences_consentdoubt_decide",
            ),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What is unclear of the doubt's person is decided."""
        doubt = get_object_or_404(self.get_queryset(request).select_related("profile__unit"), pk=pk)
        self._decide(request, doubt.profile, request.POST.get("decision", ""))
        return redirect("admin:audiences_consentdoubt_change", pk)
