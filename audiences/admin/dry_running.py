"""Dry runs at the desk: choose anew, bring the file in; and what was saved for the next file of a header."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanWidget

from accounts.desk import person, told
from accounts.rights import Right
from audiences import imports
from audiences.admin.base import InUnitAdmin
from audiences.forms.dry_run import DryRunForm
from audiences.imports.columns import mappings
from audiences.imports.staging import looking
from audiences.models import Import, ImportMapping


class DeskDryRunForm(DryRunForm):
    """The same form with the desk's widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ChoiceField):
                field.widget = UnfoldAdminSelectWidget(choices=field.choices)
            elif isinstance(field, forms.BooleanField):
                field.widget = UnfoldBooleanWidget()


class DryRunAdmin(InUnitAdmin):
    """What the desk does with imports that are only looked through."""

    needs = Right.IMPORT

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        found = (
            object_id
            and object_id.isdecimal()
            and self.get_queryset(request).filter(pk=object_id[:18]).first()
        )
        shown = self._dry_run(request, found) if found and found.is_dry else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _dry_run(self, request: HttpRequest, importing: Import) -> dict[str, Any]:
        is_here = importing.parts.exists() and self.may(request, Right.IMPORT, importing)
        return {
            "dry_form": DeskDryRunForm(importing=importing, user=person(request)) if is_here else None,
            "dry_numbers": looking.numbers(importing),
            "saved_mapping": mappings.saved_for(importing),
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/look/", view(require_POST(self.look_view)), name="audiences_import_look"),
            path(
                "<int:pk>/carry-out/",
                view(require_POST(self.carry_out_view)),
                name="audiences_import_carry_out",
            ),
            *super().get_urls(),
        ]

    def look_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The dry run once more, as is chosen now, or as it was saved for files like this."""
        importing = get_object_or_404(self.get_queryset(request), pk=pk)
        form = DeskDryRunForm(request.POST, importing=importing, user=person(request))
        if "saved" in request.POST:
            options = imports.as_saved(importing)
        elif form.is_valid():
            options = form.options
        else:
            messages.error(request, form.errors.as_text())
            return redirect("admin:audiences_import_change", pk)
        with told(request, importing):
            imports.look_again(importing=importing, by=person(request), options=options)
            messages.success(request, _("The file is being looked through again."))
        return redirect("admin:audiences_import_change", pk)

    def carry_out_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was looked through comes in."""
        importing = get_object_or_404(self.get_queryset(request), pk=pk)
        with told(request, importing):
            imports.carry_out(importing=importing, by=person(request))
            messages.success(request, _("The file is being imported."))
        return redirect("admin:audiences_import_change", pk)


@admin.register(ImportMapping)
class ImportMappingAdmin(InUnitAdmin):
    """What was chosen for files of the same columns; it can be forgotten."""

    needs = Right.IMPORT
    list_display = ["__str__", "unit", "saved_by", "saved_at"]
    list_select_related = ["unit", "saved_by"]
    actions = ["forget"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Forget the marked ones"))
    def forget(self, request: HttpRequest, rows: QuerySet[ImportMapping]) -> None:
        for mapping in rows.select_related("unit"):
            with told(request, mapping):
                mappings.forget(mapping, by=person(request))
                messages.success(request, _("Forgotten: %(mapping)s.") % {"mapping": mapping})
