"""The operators' desk on preparations: the list of them, and the two buttons."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

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
    exclude = ["compiled", "manifest", "content", "backend_pid", "lease_until", "token"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preparation]:
        return super().get_queryset(request).defer("compiled", "manifest")


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
