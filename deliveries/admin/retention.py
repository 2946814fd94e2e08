"""The operators' desk on retention: legal holds, and what has gone. Periods, and what goes next: `reporting`."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_POST

from accounts import access
from accounts.desk import VerbAdmin, VerbForm, person, told
from accounts.rights import Right
from campaign.lib import clock
from deliveries.desk import OfDeliveryAdmin
from deliveries.models import Delivery, LegalHold, Purge
from deliveries.retention import holds


class HoldForm(VerbForm):
    class Meta:
        model = LegalHold
        fields = ["delivery", "unit", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" in self.fields:
            own = access.within(self.by, Right.ADMINISTER, Delivery.objects.all())
            self.fields["delivery"].queryset = own
            self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER).order_by("path")

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError unless just one of the two is chosen."""
        data = super().clean() or {}
        if not self.errors and bool(data.get("delivery")) == bool(data.get("unit")):
            raise forms.ValidationError(_t("Choose a delivery or a unit, and not both."))
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """The verb says what is wrong, in words."""
        return {field.name for field in self._meta.model._meta.fields}

    def apply(self) -> LegalHold:
        data = self.cleaned_data
        return holds.place(
            on=data["delivery"] or data["unit"], reason=data["reason"], by=self.by, at=clock.now()
        )


@admin.register(LegalHold)
class LegalHoldAdmin(VerbAdmin):
    """What must be kept, why, and since when. Placed here and lifted here, never changed or deleted."""

    form = HoldForm
    under_unit = False
    list_display = ["id", "delivery", "unit", "reason", "by", "at", "lifted_at", "lifted_by"]
    list_select_related = ["delivery", "unit", "by", "lifted_by"]
    raw_id_fields = ["delivery"]
    change_form_outer_before_template = "admin/deliveries/legalhold/_lift.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.lift_view))
        return [path("<int:pk>/lift/", view, name="deliveries_legalhold_lift"), *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return access.units(person(request), Right.ADMINISTER).exists()
        return access.can(person(request), Right.ADMINISTER, obj.place)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        mine = access.units(person(request), Right.ADMINISTER).order_by().values("pk")
        rows = LegalHold.objects.select_related("delivery__unit", "unit", "by", "lifted_by")
        return rows.filter(unit__in=mine) | rows.filter(delivery__unit__in=mine)

    def lift_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Lift the hold. Raise Http404 for one that the person may not see."""
        hold = self.get_queryset(request).filter(pk=pk).first()
        if hold is None:
            raise Http404
        on = hold.delivery or hold.unit
        with told(request, on):
            holds.lift(on=on, by=person(request), at=clock.now())
            messages.success(request, _t("The legal hold of “%(target)s” is lifted.") % {"target": on})
        return redirect("admin:deliveries_legalhold_change", pk)


@admin.register(Purge)
class PurgeAdmin(OfDeliveryAdmin):
    """Rows that are gone: of which delivery, since when, by which setting, how many."""

    list_display = ["delivery", "kind", "rows", "days", "unit", "at", "ended_at"]
    list_select_related = ["delivery", "unit"]
    list_filter = ["kind"]
