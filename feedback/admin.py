"""The operators' desk on what comes back by mail: its sources, and what was reported."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.desk import DeskAdmin, VerbAdmin, VerbForm, person, told
from campaign.lib import clock
from feedback.incoming_pages import STEPS, tell
from feedback.intake import reclassifying, sources
from feedback.models import MailSource, Reclassification, Report


class MailSourceForm(VerbForm):
    class Meta:
        model = MailSource
        fields = [
            "label", "kind", "is_active", "removes", "path", "host", "port", "tls", "username", "password_variable",
            "mailbox",
        ]  # fmt: skip

    def apply(self) -> MailSource:
        source = self.fresh if self.instance.pk else MailSource()
        return sources.save_source(source=source, by=self.by, **self.cleaned_data)


@admin.register(MailSource)
class MailSourceAdmin(VerbAdmin):
    form = MailSourceForm
    under_unit = False
    list_display = ["label", "kind", "is_active", "looked_at", "reached_at", "problem"]
    readonly_fields = ["looked_at", "reached_at", "problem"]
    change_form_outer_before_template = "admin/feedback/mailsource/_check.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def delete_model(self, request: HttpRequest, obj: MailSource) -> None:
        sources.remove_source(source=obj, by=person(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.check_view))
        return [path("<int:pk>/check/", view, name="feedback_mailsource_check"), *super().get_urls()]

    def check_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Whether the source can be reached is said as a message."""
        source = get_object_or_404(MailSource, pk=pk)
        with told(request, source):
            tell(request, source, sources.check_source(source=source, by=person(request)))
        return redirect("admin:feedback_mailsource_change", pk)


class ReclassificationForm(VerbForm):
    class Meta:
        model = Reclassification
        fields = ["since", "until"]

    def apply(self) -> Reclassification:
        typed = self.cleaned_data
        return reclassifying.start(since=typed["since"], until=typed["until"], by=self.by, at=clock.now())


@admin.register(Reclassification)
class ReclassificationAdmin(VerbAdmin):
    """Mail read anew: what would change, and the steps."""

    form = ReclassificationForm
    under_unit = False
    list_display = ["__str__", "status", "since", "until", "by", "mails", "changed"]
    fields = ["since", "until"]
    readonly_fields = ["status", "by", "mails", "changed", "what_changes"]
    list_select_related = ["by"]
    change_form_outer_before_template = "admin/feedback/reclassification/_steps.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @display(description=_("what changes"))
    def what_changes(self, run: Reclassification) -> str:
        return "; ".join(f"{what}: {move}: {number}" for what, move, number in run.moves) or "–"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.step_view))
        return [
            path("<int:pk>/<slug:step>/step/", view, name="feedback_reclassification_step"),
            *super().get_urls(),
        ]

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Have what was found applied, or undone, by a worker; raise Http404 for another step."""
        run = get_object_or_404(Reclassification, pk=pk)
        if step not in STEPS:
            raise Http404
        with told(request, run):
            STEPS[step](run=run, by=person(request))
        return redirect("admin:feedback_reclassification_change", pk)


@admin.register(Report)
class ReportAdmin(DeskAdmin):
    """What mail reported, also of what is no message of ours."""

    under_unit = False
    list_display = ["at", "kind", "why", "status", "recipient", "outcome", "message", "counts"]
    list_filter = ["outcome", "kind", "evidence", "is_current"]
    search_fields = ["recipient", "address_key"]
    fields = [
        "at", "kind", "why", "status", "recipient", "rule", "diagnostic", "evidence", "message", "address_key",
        "outcome", "settled", "counts", "mail_as_it_came",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description=_("reason"), ordering="reason")
    def why(self, report: Report) -> str:
        return report.reason_in_words or "–"

    @display(description=_("settled at"))
    def settled(self, report: Report) -> str:
        return (
            date_format(timezone.localtime(report.settled_at), "DATETIME_FORMAT")
            if report.settled_at
            else "–"
        )

    @display(description=_("message"))
    def message(self, report: Report) -> str:
        if report.delivery_id is None or report.seq is None:
            return "–"
        where = reverse("reporting:message", args=[report.delivery_id, report.seq])
        return format_html('<a href="{}">DM{} · {}</a>', where, report.delivery_id, report.seq)

    @display(description=_("latest reading"), boolean=True, ordering="is_current")
    def counts(self, report: Report) -> bool:
        return report.is_current

    @display(description=_("the mail as it came"))
    def mail_as_it_came(self, report: Report) -> str:
        where = reverse("feedback:incoming-mail", args=[report.mail_id])
        return format_html('<a href="{}">{}</a>', where, _("open"))
