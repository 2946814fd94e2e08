"""The operators' desk on what happened to deliveries: steps, runs and notices, to read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts import audit
from accounts.desk import DeskAdmin, FaceFilter, person
from accounts.rights import Right
from deliveries.admin.status import StandingList, pill
from deliveries.desk import COLOURS, OfDeliveryAdmin
from deliveries.lifecycle import notices, step_words
from deliveries.models import Delivery, Notice, Occurrence, StatusChange
from deliveries.series import activation


class StepFilter(admin.SimpleListFilter):
    """By step, in words."""

    title = _("step")
    parameter_name = "step"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return step_words.choices()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(step=self.value()) if self.value() else queryset


@admin.register(StatusChange)
class StatusChangeAdmin(OfDeliveryAdmin):
    list_display = ["at", "delivery", "taken", "old", "new", "by", "through", "os_user", "said"]
    list_filter = [StepFilter, FaceFilter]
    list_select_related = ["delivery", "by"]
    search_fields = ["delivery__label", "comment"]
    fields = [
        "delivery",
        "taken",
        "old",
        "new",
        "by",
        "os_user",
        "through",
        "at",
        "seal",
        "said",
        "detail",
    ]
    readonly_fields = ["taken", "through", "said"]

    @display(description=_("comment"))
    def said(self, change: StatusChange) -> str:
        """What a person wrote as it is; what the product says in the reader's language."""
        return (change.comment if change.by_id else _t(change.comment)) if change.comment else "–"

    @display(description=_("step"), ordering="step")
    def taken(self, change: StatusChange) -> str:
        return step_words.in_words(change.step)

    @display(description=_("through"), ordering="face")
    def through(self, change: StatusChange) -> str:
        return audit.face_in_words(change.face)


@admin.register(Occurrence)
class OccurrenceAdmin(DeskAdmin):
    """Every moment of every series, and the run that was made for it or the reason why there is none."""

    right = Right.VIEW
    under_unit = False
    list_display = ["moment", "of_series", "execution", "state", "skipped"]
    list_filter = ["skipped", "execution__status"]
    looked_up = ("series__id__exact",)
    list_select_related = ["series__delivery", "execution__unit"]
    search_fields = ["series__delivery__label"]
    ordering = ["-moment"]
    fields = ["of_series", "moment", "execution", "state_in_words", "skipped", "lies_outside", "reminded"]
    readonly_fields = ["of_series", "state_in_words", "lies_outside", "reminded"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Occurrence]:
        mine = Delivery.objects.visible_to(person(request)).order_by().values("pk")
        return Occurrence.objects.filter(series__delivery__in=mine).select_related(*self.list_select_related)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StandingList]:
        return StandingList

    def delivery_of(self, row: Occurrence) -> Delivery | None:
        return row.execution

    @display(description=_("series"))
    def of_series(self, occurrence: Occurrence) -> str:
        return str(occurrence.series)

    @display(description=_("status"), label=COLOURS)
    def state(self, occurrence: Occurrence) -> Any:
        run = occurrence.execution
        return pill(run) if run else None

    @display(description=_("status"))
    def state_in_words(self, occurrence: Occurrence) -> str:
        return str(self.state(occurrence)[1]) if occurrence.execution else "–"

    @display(description=_("outside of what was activated"))
    def lies_outside(self, occurrence: Occurrence) -> str:
        return activation.in_words(occurrence.outside) or "–"

    @display(description=_("reminded of"))
    def reminded(self, occurrence: Occurrence) -> str:
        at = occurrence.reminded_at
        return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else "–"


@admin.register(Notice)
class NoticeAdmin(DeskAdmin):
    """The notices of whoever is signed in; nobody sees those of others."""

    right = Right.VIEW
    under_unit = False
    list_display = ["at", "kind", "whose", "text", "seen_at", "mailed_at"]
    fields = list_display
    readonly_fields = ["whose"]
    list_filter = ["kind"]
    list_select_related = ["delivery"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_staff

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return notices.shown_to(person(request))

    @display(description=_("delivery"), ordering="delivery")
    def whose(self, notice: Notice) -> str:
        return notice.delivery.label if notice.delivery else "–"
