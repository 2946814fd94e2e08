"""The operators' desk: *Compute stats* beside the steps of a delivery, and what recounts found."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.desk import DeskAdmin, VerbAdmin, VerbForm, anywhere, person, told
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock
from deliveries.admin.history import OfDeliveryAdmin
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from feedback.models import HitKind
from reporting.counting import reclassifying, statistics
from reporting.counting.behaviour import BEHAVIOUR
from reporting.figures import kpis
from reporting.logs import logs, saved_filters
from reporting.models import DeliveryStatistics, Fold, HitReclassification, LogFilter, StatisticsRun
from reporting.persons.desk import PersonExportAdmin
from reporting.persons.erasing_desk import ErasureAdmin
from reporting.retention.desk import RetentionPeriodAdmin
from reporting.scheduled.admin import ScheduledReportAdmin

__all__ = [
    "ErasureAdmin",
    "PersonExportAdmin",
    "RetentionPeriodAdmin",
    "ScheduledReportAdmin",
]  # they register themselves


def _compute(order: Order) -> Done:
    statistics.ask(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("Everything is being recounted from the logs."))


def _can_compute(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return delivery.status in groups.BEGUN


register(DeskStep("compute-stats", _compute, offered=_can_compute))


@admin.register(StatisticsRun)
class StatisticsRunAdmin(OfDeliveryAdmin):
    list_display = ["whose", "status", "by", "at", "ended_at", "differences", "put_right"]
    fields = list_display
    readonly_fields = ["whose", "differences", "put_right"]
    list_filter = ["status"]
    list_select_related = ["delivery", "by"]

    @display(description=_("differences"))
    def differences(self, run: StatisticsRun) -> str:
        return ", ".join(f"{name} {number:+}" for name, number in run.difference.items()) or "–"

    @display(description=_("chunks put right"), ordering="chunks_repaired")
    def put_right(self, run: StatisticsRun) -> int:
        return run.chunks_repaired


def _figure(name: str) -> Callable[[DeliveryStatistics], int]:
    """A column with a count, named as everywhere."""

    @display(description=kpis.NAMED[name].label, ordering=name)
    def column(row: DeliveryStatistics) -> int:
        return getattr(row, name)

    return column


FIGURES = [_figure(name) for name in BEHAVIOUR]


@admin.register(DeliveryStatistics)
class DeliveryStatisticsAdmin(OfDeliveryAdmin):
    fields = ["whose", *FIGURES, "opens_by_class", "clicks_by_class", "folded_at"]
    readonly_fields = ["whose", *FIGURES, "opens_by_class", "clicks_by_class"]
    list_display = [
        "whose",
        *FIGURES,
        "opens_by_class",
        "clicks_by_class",
        "folded_at",
    ]
    list_select_related = ["delivery"]

    @display(description=_("opens: person · unsure · machine"))
    def opens_by_class(self, row: DeliveryStatistics) -> str:
        return _classes(row, HitKind.OPEN)

    @display(description=_("clicks: person · unsure · machine"))
    def clicks_by_class(self, row: DeliveryStatistics) -> str:
        return _classes(row, HitKind.CLICK)


@admin.register(Fold)
class FoldAdmin(DeskAdmin):
    """The hourly counts: how many deliveries they looked at, and how many figures they put right."""

    under_unit = False
    list_display = ["at", "deliveries", "repaired"]
    fields = ["at", "deliveries", "repaired"]


def _classes(row: DeliveryStatistics, kind: HitKind) -> str:
    rows = [each for each in statistics.in_classes(row.by_class) if each.kind == kind]
    return (
        " · ".join(
            number_format(hits, 0, force_grouping=True) for each in rows for *_name, hits, _n in each.cells
        )
        or "–"
    )


class HitReclassificationForm(VerbForm):
    class Meta:
        model = HitReclassification
        fields = ["delivery"]
        help_texts = {"delivery": _("None: the hits of all deliveries.")}

    def apply(self) -> HitReclassification:
        return reclassifying.start(delivery=self.cleaned_data["delivery"], by=self.by, at=clock.now())


@admin.register(HitReclassification)
class HitReclassificationAdmin(VerbAdmin):
    """Hits judged anew: what would change, and the step."""

    form = HitReclassificationForm
    under_unit = False
    list_display = ["__str__", "delivery", "status", "by", "at", "hits", "changed"]
    list_filter = ["status"]
    autocomplete_fields = ["delivery"]
    fields = ["delivery"]
    readonly_fields = ["status", "by", "hits", "changed", "what_changes", "figures_change"]
    list_select_related = ["by", "delivery"]
    change_form_outer_before_template = "admin/reporting/hitreclassification/_steps.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @display(description=_("what changes"))
    def what_changes(self, run: HitReclassification) -> str:
        moves = reclassifying.moves_in_words(run)
        return "; ".join(f"{kind}: {was} → {now}: {number}" for kind, was, now, number in moves) or "–"

    @display(description=_("figures"))
    def figures_change(self, run: HitReclassification) -> str:
        rows = reclassifying.figures_in_words(run)
        return (
            "; ".join(f"{row['label']}: {row['old']} → {row['new']}" for row in rows if row["delta"]) or "–"
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.apply_view))
        return [
            path("<int:pk>/apply/", view, name="reporting_hitreclassification_apply"),
            *super().get_urls(),
        ]

    def apply_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have what was found applied by a worker."""
        run = get_object_or_404(HitReclassification, pk=pk)
        with told(request, run):
            reclassifying.apply(run=run, by=person(request))
        return redirect("admin:reporting_hitreclassification_change", pk)


class LogFilterForm(VerbForm):
    log = forms.ChoiceField(
        label=_("Log"),
        choices=[(log.code, log.label) for log in logs.LOGS.values()],
        widget=UnfoldAdminSelectWidget,
    )
    query = forms.CharField(
        label=_("Filters"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("As in the address of the log's page: status=bounced&reason=refused"),
    )

    class Meta:
        model = LogFilter
        fields = ["log", "name"]

    def clean_query(self) -> dict[str, str]:
        """Return the filters; raise ValidationError for what is none of the log."""
        asked = QueryDict(self.cleaned_data["query"].removeprefix("?"))
        log = logs.LOGS.get(self.cleaned_data.get("log", ""))
        if log is None:
            return {}
        chosen = logs.chosen(log, asked)
        for name in asked:
            if chosen.get(name) != asked[name]:
                said = _("This log has no filter %(name)s=%(value)s.")
                raise ValidationError(said, params={"name": name, "value": asked[name]})
        return chosen

    def apply(self) -> LogFilter:
        data = self.cleaned_data
        return saved_filters.save(
            log=logs.LOGS[data["log"]], name=data["name"], chosen=data["query"], by=self.by, at=clock.now()
        )


@admin.register(LogFilter)
class LogFilterAdmin(VerbAdmin):
    """Filters that a person keeps by name: each sees their own."""

    form = LogFilterForm
    under_unit = False
    list_display = ["name", "log_label", "query", "saved_at"]
    search_fields = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["log_label", "name", "query"] if obj else ["log", "name", "query"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["log_label", "name", "query"] if obj else []

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.VIEW in anywhere(request) and (obj is None or obj.user_id == request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogFilter]:
        return LogFilter.objects.filter(user=person(request))

    def delete_model(self, request: HttpRequest, obj: LogFilter) -> None:
        saved_filters.remove(log=logs.LOGS[obj.log], name=obj.name, by=person(request))

    @display(description=_("log"), ordering="log")
    def log_label(self, row: LogFilter) -> Any:
        return logs.LOGS[row.log].label

    @display(description=_("filters"))
    def query(self, row: LogFilter) -> str:
        return row.query
