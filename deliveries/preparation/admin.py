"""The operators' desk on preparations: the list of them, and the two buttons."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from deliveries.content.findings import Finding
from deliveries.desk import DeskStep, Done, OfDeliveryAdmin, Order, register
from deliveries.models import Preparation
from deliveries.preparation import verbs as preparation


@admin.register(Preparation)
class PreparationAdmin(OfDeliveryAdmin):
    list_display = [
        "delivery",
        "number",
        "status",
        "started_at",
        "ended_at",
        "targeted",
        "excluded",
        "to_deliver",
    ]
    list_filter = ["status"]
    list_select_related = ["delivery"]
    search_fields = ["delivery__label"]
    ordering = ["-id"]
    fields = [
        "delivery", "number", "status", "started_by", "started_at", "ended_at", "share", "targeted", "excluded",
        "to_deliver", "left_out", "found", "seal",
    ]  # fmt: skip
    readonly_fields = ["share", "left_out", "found"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preparation]:
        return super().get_queryset(request).defer("compiled", "manifest")

    @display(description=_("progress"))
    def share(self, run: Preparation) -> str:
        return f"{run.percent}%"

    @display(description=_("exclusion causes"))
    def left_out(self, run: Preparation) -> str:
        said = [f"{row.label}: {number_format(row.number, 0, force_grouping=True)}" for row in run.cause_rows]
        return "\n".join(said) or "–"

    @display(description=_("findings"))
    def found(self, run: Preparation) -> str:
        return "\n".join(str(Finding.from_dict(one).message) for one in run.findings) or "–"


def _prepare(order: Order) -> Done:
    preparation.start(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("The preparation has begun."))


def _stop_preparation(order: Order) -> Done:
    preparation.stop(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("The preparation was stopped."))


for _step in (
    DeskStep("prepare", _prepare),
    DeskStep("stop-preparation", _stop_preparation),
):  # fmt: skip
    register(_step)
