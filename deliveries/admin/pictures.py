"""The operators' desk on the pictures of units."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts import access
from accounts.desk import PreparersAdmin, UnitFilter, VerbForm, person
from accounts.rights import Right
from campaign.lib import clock
from deliveries.drafting import library
from deliveries.models import Picture


class PictureForm(VerbForm):
    file = forms.FileField(required=False, label=_("Picture"))

    class Meta:
        model = Picture
        fields = ["unit", "name", "alt"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" not in self.fields:
            return
        self.fields["unit"].queryset = access.units(self.by, Right.PREPARE).order_by("path")
        self.fields["file"].required = not self.instance.pk
        if self.instance.pk:  # other octets are another picture
            self.fields["unit"].disabled = self.fields["file"].disabled = True

    def apply(self) -> Picture:
        said = {name: self.cleaned_data[name] for name in ("name", "alt")}
        if self.instance.pk:
            return library.describe(picture=self.fresh, by=self.by, **said)
        file = self.cleaned_data["file"].file
        return library.add(unit=self.cleaned_data["unit"], file=file, by=self.by, at=clock.now(), **said)


@admin.register(Picture)
class PictureAdmin(PreparersAdmin):
    """What contents show. A picture that mail shows is never removed."""

    form = PictureForm
    list_display = ["name", "unit", "alt", "width", "height", "size", "added_by", "added_at"]
    list_select_related = ["unit", "added_by"]
    list_filter = [UnitFilter]
    search_fields = ["name", "alt"]
    readonly_fields = ["shown", "width", "height", "size", "address"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("data")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["unit", "name", "alt", *(self.readonly_fields if obj else ["file"])]

    def delete_model(self, request: HttpRequest, obj: Picture) -> None:
        library.remove(picture=obj, by=person(request))

    @display(description=_("picture"))
    def shown(self, picture: Picture) -> str:
        return format_html('<img src="{}" alt="{}" width="240">', picture.path, picture.alt)

    @display(description=_("address"))
    def address(self, picture: Picture) -> str:
        return picture.address
