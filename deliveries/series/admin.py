"""The operators' desk for recurring deliveries: the series, their steps and their runs.

A series belongs to its delivery, and so do the steps on it: the buttons are those of the delivery's own page, and lead
to the same verbs with the same checks. A new series is made with the form of a delivery.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.desk import UnitFilter, anywhere
from accounts.rights import Right
from campaign.lib import clock, reader_zone
from deliveries.desk import COLOURS, OfDeliveryAdmin
from deliveries.models import Delivery, ScheduleKind, Series
from deliveries.models.series import SEALED
from deliveries.series import calendar, rule_text

VIEWS = {"run": _("Each run"), **calendar.PERIOD_LABELS}


class _DeliverysUnitFilter(UnitFilter):
    field = "delivery__unit"


@admin.register(Series)
class SeriesAdmin(OfDeliveryAdmin):
    """Series, for those who may see their deliveries. Nothing is changed but by a step, or the delivery's form."""

    list_display = ["name", "label", "state", "unit", "words", "next_run"]
    list_display_links = ["name", "label"]
    list_filter = ["delivery__status", _DeliverysUnitFilter]
    list_select_related = ["delivery__unit", "delivery__preparation"]
    search_fields = ["delivery__label", "=delivery__id"]
    ordering = ["-delivery_id"]
    readonly_fields = ["label", "state_in_words", "unit", "words", "next_run", "zone"]
    fieldsets = [
        (None, {"fields": ["label", "state_in_words", "unit"]}),
        (_("Schedule"), {"fields": ["words", "zone", "starts_on", "at", "rule", "excluded_dates", "next_run"]}),
        (_("Each run"), {"fields": SEALED}),
    ]  # fmt: skip
    change_form_outer_before_template = "admin/deliveries/delivery/_bar.html"
    change_form_outer_after_template = "admin/deliveries/series/_runs.html"

    # -- who may what ------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.PREPARE in anywhere(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Series]:
        rows = super().get_queryset(request).select_related(*self.list_select_related)
        return rows.defer("delivery__preparation__compiled", "delivery__preparation__manifest")

    # -- the list ----------------------------------------------------------------------------------------

    @property
    def _deliveries(self) -> Any:
        """The desk's pages of deliveries, which know how one stands and what may be done with it."""
        return self.admin_site.get_model_admin(Delivery)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return self._deliveries.get_changelist(request, **kwargs)

    def delivery_of(self, row: Series) -> Delivery:
        return row.delivery

    @display(description=_("ID"), ordering="delivery_id")
    def name(self, series: Series) -> str:
        return series.delivery.name

    @display(description=_("label"), ordering="delivery__label")
    def label(self, series: Series) -> str:
        return series.delivery.label

    @display(description=_("status"), ordering="delivery__status", label=COLOURS)
    def state(self, series: Series) -> tuple[str, Any]:
        return self._deliveries.state(series.delivery)

    @display(description=_("status"))
    def state_in_words(self, series: Series) -> Any:
        return self._deliveries.state_in_words(series.delivery)

    @display(description=_("unit"), ordering="delivery__unit")
    def unit(self, series: Series) -> Any:
        return series.delivery.unit

    @display(description=_("recurrence"))
    def words(self, series: Series) -> str:
        return rule_text.in_words(series)

    @display(description=_("time zone"))
    def zone(self, series: Series) -> str:
        return series.delivery.time_zone

    @display(description=_("next run"), ordering="next_at")
    def next_run(self, series: Series) -> str:
        if series.next_at is None:
            return "–"
        zone = series.delivery.zone
        return f"{reader_zone.written(series.next_at, zone)} {reader_zone.name_of(zone)}"

    # -- one series --------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the form of a delivery, with *Recurring* chosen: a series is made with its delivery."""
        chosen = f"?schedule_kind={ScheduleKind.RECURRING}"
        return redirect(f"{reverse('admin:deliveries_delivery_add')}{chosen}")

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Series | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        if obj is not None:
            context |= self._deliveries.bar(request, obj.delivery) | self._runs(request, obj.delivery)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def _runs(self, request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
        by = request.GET.get("by", "run")
        taken_together = by in calendar.PERIODS
        return {
            "delivery": delivery,
            "upcoming": calendar.of_delivery(delivery, at=clock.now()),
            "views": VIEWS,
            "by": by if taken_together else "run",
            "periods": calendar.by_period(delivery, by) if taken_together else [],
            "runs": [] if taken_together else self._deliveries.runs(delivery),
        }
