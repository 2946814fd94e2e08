"""Exports of personal data at the operators' desk: asked for, followed, and the way to the file."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.desk import VerbAdmin, VerbForm, anywhere, person
from accounts.rights import Right
from audiences import sight
from campaign.lib import clock
from reporting.models import PersonExport
from reporting.persons import exporting


class PersonExportForm(VerbForm):
    class Meta:
        model = PersonExport
        fields = ["profile"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "profile" in self.fields:
            self.fields["profile"].queryset = sight.people(self.by)

    def apply(self) -> PersonExport:
        return exporting.start(profile=self.cleaned_data["profile"], by=self.by, at=clock.now())


@admin.register(PersonExport)
class PersonExportAdmin(VerbAdmin):
    """One's own exports; nobody is shown another's."""

    form = PersonExportForm
    under_unit = False
    list_display = ["__str__", "profile", "status", "at", "progress", "expires_at"]
    list_filter = ["status"]
    list_select_related = ["profile"]
    autocomplete_fields = ["profile"]
    readonly_fields = ["status", "at", "progress", "expires_at", "file"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["profile", *self.readonly_fields] if obj else ["profile"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.EXPORT_PERSON in anywhere(request) and (obj is None or obj.by_id == request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PersonExport]:
        return super().get_queryset(request).filter(by=person(request))

    @display(description=_("progress"))
    def progress(self, export: PersonExport) -> str:
        return f"{export.percent} %"

    @display(description=_("file"))
    def file(self, export: PersonExport) -> str:
        """The page with the file's link, which is good for some minutes only."""
        address = reverse("reporting:person-export", args=[export.profile_id])
        return format_html('<a href="{}">{}</a>', address, _t("Download"))
