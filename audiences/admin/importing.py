"""Files that are brought in, and the report of each."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.desk import UnitFilter, person, told
from accounts.rights import Right
from audiences import imports, sight
from audiences.admin.base import OwnUnits
from audiences.admin.dry_running import DryRunAdmin
from audiences.forms.importing import ChoicesForm
from audiences.models import Import, ImportProblem

OPTIONS = [
    "list_label",
    "keep_good_rows",
    "declare_attributes",
    "decimal",
    "dates",
    "shared_ids",
    "suppression",
]


class ImportForm(OwnUnits):
    needs = Right.IMPORT
    file = forms.FileField(label=_("File"), widget=UnfoldAdminFileFieldWidget)
    list_label = forms.CharField(
        label=_("Add to list"), required=False, max_length=128, widget=UnfoldAdminTextInputWidget
    )

    decimal = forms.ChoiceField(
        label=_("Decimals, where the column doesn't tell"),
        required=False,
        choices=ChoicesForm.base_fields["decimal"].choices,
        widget=UnfoldAdminSelectWidget,
    )
    dates = forms.ChoiceField(
        label=_("Dates, where the column doesn't tell"),
        required=False,
        choices=ChoicesForm.base_fields["dates"].choices,
        widget=UnfoldAdminSelectWidget,
    )
    shared_ids = forms.BooleanField(
        label=ChoicesForm.base_fields["shared_ids"].label, required=False, widget=UnfoldBooleanWidget
    )

    suppression = forms.BooleanField(
        label=ChoicesForm.base_fields["suppression"].label, required=False, widget=UnfoldBooleanWidget
    )

    first_a_dry_run = forms.BooleanField(
        label=_("First a dry run"), required=False, initial=True, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = Import
        fields = ["unit", "keep_good_rows", "declare_attributes"]

    def apply(self) -> Import:
        data = self.cleaned_data
        options = imports.Options(**{name: data[name] for name in OPTIONS})
        return imports.start(
            file=data["file"],
            name=data["file"].name,
            unit=data["unit"],
            by=self.by,
            options=options,
            dry_run=data["first_a_dry_run"],
        )


class ProblemInline(admin.TabularInline):
    """The report: where, which field, why."""

    model = ImportProblem
    fields = readonly_fields = ["line", "field", "why", "fatal"]
    extra = 0
    max_num = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_delete_permission = has_change_permission

    @display(description=_("reason"))
    def why(self, problem: ImportProblem) -> str:
        return sight.reason(problem)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportProblem]:
        return sight.reported(super().get_queryset(request), person(request))


@admin.register(Import)
class ImportAdmin(DryRunAdmin):
    """A file is brought in by adding it here; what came of it is read."""

    form = ImportForm
    needs = Right.IMPORT
    list_display = [
        "id",
        "file_name",
        "state",
        "unit",
        "rows_read",
        "created",
        "updated",
        "flagged",
        "started_by",
    ]
    list_filter = ["status", UnitFilter]
    list_select_related = ["unit", "started_by"]
    ordering = ["-id"]
    change_form_outer_before_template = "admin/audiences/import/_again.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return [(None, {"fields": ["file", "unit", "first_a_dry_run", *OPTIONS]})]
        counts = [
            "rows_read", "created", "updated", "unchanged", "repeated", "bad_rows", "flagged", "cleaned", "opted_out",
            "unclear", "held_addresses",
        ]  # fmt: skip
        return [
            (
                None,
                {
                    "fields": [
                        "file_name",
                        "standing",
                        "why",
                        "unit",
                        "audience",
                        "started_by",
                        "created_at",
                    ]
                },
            ),
            (_("Counts"), {"fields": counts}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["standing", "why", "created_at"] if obj is not None else []

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [ProblemInline] if obj is not None else []

    @display(
        description=_("status"),
        ordering="status",
        label={
            "done": "success",
            "refused": "danger",
            "failed": "danger",
            "reading": "info",
            "writing": "info",
        },
    )
    def state(self, importing: Import) -> tuple[str, Any]:
        return importing.status, Import.Status(importing.status).label

    @display(description=_("message"))
    def why(self, importing: Import) -> str:
        return importing.message_text or "–"

    @display(description=_("status"))
    def standing(self, importing: Import) -> Any:
        """The status in words: a page of one import shows no pill."""
        return Import.Status(importing.status).label

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/again/", view(require_POST(self.again_view)), name="audiences_import_again"),
            *super().get_urls(),
        ]

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The refused file once more, keeping its good rows."""
        importing = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, importing):
            pk = imports.again(importing=importing, by=person(request)).pk
            messages.success(request, _("The file is being read again."))
        return redirect("admin:audiences_import_change", pk)
