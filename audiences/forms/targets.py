"""The forms of audiences and lists."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences.forms.units import UnitField


class AudienceForm(forms.Form):
    """What rule and list have in common."""

    label = forms.CharField(max_length=128, label=_("Label"))
    description = forms.CharField(
        required=False, label=_("Description"), widget=forms.Textarea(attrs={"rows": 2}), max_length=1_000
    )

    def __init__(self, *args: Any, user: User, unit: OrganizationalUnit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if unit is None:
            self.fields["unit"] = UnitField(user=user, right=Right.PREPARE)

    def chosen_unit(self) -> OrganizationalUnit:
        unit: OrganizationalUnit = self.cleaned_data["unit"]
        return unit


class PastedForm(forms.Form):
    """Ids and addresses, pasted from wherever."""

    pasted = forms.CharField(
        required=False,
        label=_("External ids or addresses"),
        help_text=_("One to a line, or with commas between them."),
        widget=forms.Textarea(attrs={"rows": 8}),
        max_length=8_000_000,
    )


class ListForm(PastedForm, AudienceForm):
    field_order = ["label", "description", "unit", "pasted"]
