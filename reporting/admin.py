"""The operators' desk: *Compute stats* beside the steps of a delivery, and what recounts found."""

from collections.abc import Callable

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import User
from accounts.rights import Right
from deliveries.admin.history import OfDeliveryAdmin
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from reporting import kpis, statistics
from reporting.models import DeliveryStatistics, StatisticsRun


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
    list_display = ["delivery", *map(_figure, statistics.BEHAVIOUR), "folded_at"]
    list_select_related = ["delivery"]
