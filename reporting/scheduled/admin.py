"""The operators' desk on scheduled reports, and on the mails that became of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import access
from accounts.desk import DeskAdmin, UnitFilter, VerbAdmin, VerbForm, anywhere, person
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import clock, local_time
from campaign.lib.refusals import Refusal
from deliveries.models import Delivery, Folder
from reporting.models import ReportMail, ScheduledReport
from reporting.reports import kinds
from reporting.reports.subjects import About, Subject, of_deliveries, of_folder, of_unit
from reporting.scheduled import definitions, moments
from reporting.scheduled.forms import DAYS, FIELDS

OFFERED = 500


class ScheduledReportForm(VerbForm):
    """Of what it is is said once, for a new one; when and to whom can be changed."""

    kind = forms.ChoiceField(label=_("Report"), widget=UnfoldAdminSelectWidget)
    weekday: Any = forms.TypedChoiceField(
        coerce=int, choices=DAYS, label=_("Weekday"), initial=1, widget=UnfoldAdminSelectWidget
    )
    time_zone = forms.ChoiceField(
        choices=local_time.choices, label=_("Time zone"), widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = ScheduledReport
        fields = ["kind", "unit", "folder", "deliveries", "days", "recipients", *FIELDS, "is_on"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "recipients" not in self.fields:
            return  # the person may only read
        fields: Any = self.fields
        unit = self.instance.unit if self.instance.pk else None
        fields["recipients"].queryset = _people(self.by, unit)
        self.initial.setdefault("time_zone", moments.zone_of(self.by))
        if unit is not None:
            return
        fields["kind"].choices = [(one.code, one.title) for one in kinds.KINDS.values()]
        fields["unit"].queryset = access.units(self.by, Right.EXPORT).order_by("path")
        fields["unit"].required = False
        fields["folder"].queryset = Folder.objects.visible_to(self.by)
        mine = Delivery.objects.visible_to(self.by).filter(started_at__isnull=False)
        newest = list(mine.order_by("-pk").values_list("pk", flat=True)[:OFFERED])
        fields["deliveries"].queryset = Delivery.objects.filter(pk__in=newest)

    def apply(self) -> ScheduledReport:
        data = self.cleaned_data
        said: dict[str, Any] = {name: data[name] for name in FIELDS} | {
            "recipients": list(data["recipients"])
        }
        if self.instance.pk:
            return definitions.change(
                report=self.fresh, by=self.by, at=clock.now(), is_on=data["is_on"], **said
            )
        return definitions.create(
            kind=data["kind"], subject=self._subject(data), by=self.by, at=clock.now(), **said
        )

    def _subject(self, data: dict[str, Any]) -> Subject:
        about, days = kinds.named(data["kind"]).about, data["days"]
        if about == About.FOLDER:
            return of_folder(data["folder"].pk if data["folder"] else "", user=self.by, days=days)
        if about == About.UNIT:
            return of_unit(data["unit"].pk if data["unit"] else "", user=self.by, days=days)
        return of_deliveries(about, [one.pk for one in data["deliveries"]], user=self.by)


def _people(by: User, unit: OrganizationalUnit | None) -> QuerySet[User]:
    """Who may get it: of a unit whoever may see its deliveries; else all whom this person is shown."""
    if unit is not None:
        return access.holders(Right.VIEW, unit)
    return access.people(by) | User.objects.filter(pk=by.pk)


@admin.register(ScheduledReport)
class ScheduledReportAdmin(VerbAdmin):
    """Reports that are mailed by the clock. Each reader gets what they may see at that moment."""

    form = ScheduledReportForm
    right = Right.VIEW
    list_display = ["__str__", "what", "unit", "folder", "rhythm", "next_at", "is_on", "created_by"]
    list_filter = ["kind", "rhythm", "is_on", UnitFilter]
    list_select_related = ["unit", "folder", "created_by"]
    filter_horizontal = ["recipients"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        subject = ["kind", "unit", "folder", "deliveries", "days"]
        return [*subject, "recipients", *FIELDS, *(["is_on", "next_at"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["kind", "unit", "folder", "deliveries", "days", "next_at"] if obj is not None else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.EXPORT in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) if obj is None else self.may(request, Right.EXPORT, obj)

    has_delete_permission = has_change_permission

    def delete_model(self, request: HttpRequest, obj: ScheduledReport) -> None:
        definitions.delete(report=obj, by=person(request))

    @display(description=_("report"), ordering="kind")
    def what(self, report: ScheduledReport) -> Any:
        try:
            return kinds.named(report.kind).title
        except Refusal:
            return report.kind


@admin.register(ReportMail)
class ReportMailAdmin(DeskAdmin):
    """What became of each mail of a scheduled report, for those who administer everything."""

    under_unit = False
    list_display = ["report", "moment", "user", "status", "tries", "mail_after", "ended_at"]
    list_filter = ["status"]
    list_select_related = ["report", "user"]
