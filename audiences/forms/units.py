"""The choice of a unit."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from accounts.rights import Right


class UnitField(forms.ModelChoiceField):
    """One of the units where a person holds a right; hidden as long as there is no choice."""

    def __init__(self, *, user: User, right: Right, **kwargs: Any) -> None:
        units = access.units(user, right)
        kwargs.setdefault("label", _("Unit"))
        super().__init__(queryset=units, empty_label=None, **kwargs)
        home = user.home_unit_id
        self.initial = (
            home if home in {unit.pk for unit in units} else next((unit.pk for unit in units), None)
        )
