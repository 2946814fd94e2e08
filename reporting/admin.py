"""The operators' desk: *Compute stats* beside the steps of a delivery, and what recounts found."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.desk import DeskAdmin, VerbAdmin, VerbForm, person, told
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock
from deliveries.admin.history import OfDeliveryAdmin
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from feedback.models import HitKind
from reporting import kpis, reclassifying, statistics
from reporting.behaviour import BEHAVIOUR
from reporting.models import DeliveryStatistics, Fold, HitReclassification, StatisticsRun


def _compute(order: Order) -> Done:
    statistics.ask(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("Everything is being recounted from the logs."))


def _can_compute(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return delivery.status in groups.BEGUN


register(DeskStep("compute-stats", _compute, offered=_can_compute))


@admin.register(StatisticsRun)
class StatisticsRunAdmin(OfDeliveryAdmin):
    list_display = ["delivery", "status", "by", "at", "ended_at", "differences", "chunks_repaired"]
    list_filter = ["status"]
    list_select_related = ["delivery", "by"]

    @display(description=_("differences"))
    def differences(self, run: StatisticsRun) -> str:
        return ", ".join(f"{name} {number:+}" for name, number in run.difference.items()) or "–"


def _figure(name: str) -> Callable[[DeliveryStatistics], int]:
    """A column with a count, named as everywhere."""

    @display(description=kpis.NAMED[name].label, ordering=name)
    def column(row: DeliveryStatistics) -> int:
        return getattr(row, name)

    return column


@admin.register(DeliveryStatistics)
class DeliveryStatisticsAdmin(OfDeliveryAdmin):
    list_display = [
        "delivery",
        *map(_figure, BEHAVIOUR),
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
