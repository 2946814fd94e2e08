"""The filters and the orders of the list."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.lists import ListForm, Order
from accounts.models import OrganizationalUnit, User
from deliveries.forms.folders import FolderChoice
from deliveries.models import Delivery, Status
from deliveries.overview import ordering


class DeliveryFilter(ListForm):
    """Text, status, unit, folder, mine; an order; how many rows at a time."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "DM95 …"}),
    )
    status = forms.ChoiceField(required=False, label=_("Status"))
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), required=False, empty_label=_("All units"), label=_("Unit")
    )
    folder = FolderChoice(empty_label=_("All folders"))
    mine = forms.BooleanField(required=False, label=_("Only mine"))

    def __init__(self, *args: Any, user: User, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        first = Order(_("What runs, waits or fails first"), ordering.attention(at), largest_first=True)
        others = {name: Order(label, key, largest) for name, (label, key, largest) in ordering.ORDERS.items()}
        self.orders = {ordering.ATTENTION: first, **others}
        self.fields["status"].choices = [("", _("All statuses")), *Status.choices]
        self.fields["unit"].queryset = access.readable_units(user)
        self.fields["folder"].offer_to(user)

    def narrowed(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the rows that the filters leave; a filter that makes no sense is ignored."""
        if not self.is_valid():
            return rows
        chosen = self.cleaned_data
        if chosen["q"].strip():
            rows = rows.filter(ordering.matches(chosen["q"].strip()))
        if chosen["status"]:
            rows = rows.filter(status=chosen["status"])
        if chosen["unit"]:
            rows = rows.filter(unit__path__startswith=chosen["unit"].path)
        if chosen["folder"]:  # and what lies in its folders
            rows = rows.filter(folder__path__startswith=chosen["folder"].path)
        if chosen["mine"]:
            rows = rows.filter(created_by=self.user)
        return rows
