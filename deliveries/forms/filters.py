"""The filters of the list."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from campaign.lib import numbers
from deliveries.models import Delivery, Status


class DeliveryFilter(forms.Form):
    """Text, status, unit, mine."""

    q = forms.CharField(
        required=False,
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "DM95 …"}),
    )
    status = forms.ChoiceField(required=False, label=_("Status"))
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), required=False, empty_label=_("All units"), label=_("Unit")
    )
    mine = forms.BooleanField(required=False, label=_("Only mine"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["status"].choices = [("", _("All statuses")), *Status.choices]
        self.fields["unit"].queryset = access.readable_units(user)

    def narrowed(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the rows that the filters leave; a filter that makes no sense is ignored."""
        if not self.is_valid():
            return rows
        chosen = self.cleaned_data
        if chosen["q"].strip():
            rows = rows.filter(_matches(chosen["q"].strip()))
        if chosen["status"]:
            rows = rows.filter(status=chosen["status"])
        if chosen["unit"]:
            rows = rows.filter(unit__path__startswith=chosen["unit"].path)
        if chosen["mine"]:
            rows = rows.filter(created_by=self.user)
        return rows

    @property
    def narrows(self) -> bool:
        return any(self.cleaned_data.values()) if self.is_valid() else False


def _matches(text: str) -> Q:
    condition = (
        Q(label__icontains=text) | Q(description__icontains=text) | Q(content__subject__icontains=text)
    )
    return condition | Q(pk=numbers.key(text.upper().removeprefix("DM")))
