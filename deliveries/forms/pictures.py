"""A picture of a unit's library, added and described."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right

ALT_HELP = _(
    "What somebody hears who does not see it. Leave it empty only where the picture is mere ornament."
)


class Describe(forms.Form):
    """What a picture is called, and what it says to whoever does not see it."""

    name = forms.CharField(required=False, max_length=128, label=_("Name"))
    alt = forms.CharField(required=False, max_length=300, label=_("Alternative text"), help_text=ALT_HELP)
    ornament = forms.BooleanField(required=False, label=_("Mere ornament, without a text"))

    def clean(self) -> dict[str, Any]:
        """An alternative text is asked for, unless somebody says that none is needed."""
        data = super().clean() or self.cleaned_data
        if not data.get("alt", "").strip() and not data.get("ornament") and "alt" not in self.errors:
            self.add_error("alt", _("Say what the picture shows, or that it is mere ornament."))
        return data


class AddPicture(Describe):
    file = forms.FileField(
        label=_("Picture"),
        help_text=_("PNG, JPEG, GIF or WebP, up to 5 MB. Drop it here, or choose it."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit"),
        help_text=_("All units below can show it too."),
    )  # fmt: skip

    field_order = ("file", "name", "alt", "ornament", "unit")

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(by, Right.PREPARE).order_by("path")
        self.fields["name"].help_text = _("Empty: the name of the file.")
        if by.home_unit_id:
            self.initial.setdefault("unit", by.home_unit_id)

    @property
    def said(self) -> dict[str, Any]:
        """The arguments for `library.add`."""
        data = self.cleaned_data
        name = data["name"].strip() or (data["file"].name or "").rpartition(".")[0][:128]
        return {"unit": data["unit"], "name": name, "alt": data["alt"], "file": data["file"].file}
