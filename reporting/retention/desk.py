"""Retention periods at the operators' desk, and what goes next by them: the plan of the pages and the command."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts import access
from accounts.desk import UnitFilter, VerbForm, ViewersAdmin, person
from accounts.rights import Right
from campaign.lib import clock
from deliveries.models import RetentionPeriod
from deliveries.retention import periods
from reporting.retention import planning

SHOWN = 50  # lines


class PeriodForm(VerbForm):
    class Meta:
        model = RetentionPeriod
        fields = ["unit", "kind", "days"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["unit"].disabled = self.fields["kind"].disabled = True
        else:
            self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER).order_by("path")

    def _get_validation_exclusions(self) -> set[str]:
        """A kind that has a period already gets another: the verb knows what may not be."""
        return {field.name for field in self._meta.model._meta.fields}

    def apply(self) -> RetentionPeriod:
        data = self.cleaned_data
        periods.save(unit=data["unit"], days={data["kind"]: data["days"]}, by=self.by)
        return RetentionPeriod.objects.get(unit=data["unit"], kind=data["kind"])


@admin.register(RetentionPeriod)
class RetentionPeriodAdmin(ViewersAdmin):
    """How long units keep what is about single people; below the list what goes next by it."""

    form = PeriodForm
    list_display = ["unit", "kind", "days"]
    list_select_related = ["unit"]
    list_filter = [UnitFilter, "kind"]
    list_after_template = "admin/reporting/retentionperiod/_next.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what the next night takes of the units that the person administers.

        Raise PermissionDenied for whoever administers none.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        lines = planning.plan(at=clock.now(), units=planning.administered(person(request)))
        more = {"lines": lines[:SHOWN], "rows": sum(line.rows for line in lines), "more": len(lines) - SHOWN}
        return super().changelist_view(request, {**(extra_context or {}), **more})

    def delete_model(self, request: HttpRequest, obj: RetentionPeriod) -> None:
        periods.save(unit=obj.unit, days={obj.kind: None}, by=person(request))
