"""What narrows the lists of audiences, profiles and imports, and puts them into an order."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.lists import ListForm
from accounts.models import User
from audiences import ordering
from audiences.models import AddressState, Audience, Import, Profile

LONGEST_WORDS = 500  # characters that are looked for


class _OfUnits(ListForm):
    """Words, a unit and what is below it."""

    q = forms.CharField(required=False, label=_("Search"), widget=forms.TextInput(attrs={"type": "search"}))
    unit: Any = forms.ModelChoiceField(
        queryset=None, required=False, empty_label=_("All units"), label=_("Unit")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit: Any = self.fields["unit"]
        unit.queryset = access.readable_units(user)

    @property
    def words(self) -> str:
        return self.cleaned_data["q"].strip()[:LONGEST_WORDS] if self.is_valid() else ""

    def _in_unit(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        unit = self.cleaned_data["unit"]
        return rows.filter(unit__path__startswith=unit.path) if unit else rows


class AudienceFilter(_OfUnits):
    """A part of the label, the kind, the unit."""

    orders = ordering.AUDIENCES
    field_order = ["q", "kind", "unit", "rows"]
    kind = forms.ChoiceField(
        required=False, label=_("Kind"), choices=[("", _("All kinds")), *Audience.Kind.choices]
    )

    def narrowed(self, rows: QuerySet[Audience]) -> QuerySet[Audience]:
        """The rows that the filters leave; a filter that makes no sense is ignored."""
        if not self.is_valid():
            return rows
        if self.words:
            rows = rows.filter(label__icontains=self.words)
        if self.cleaned_data["kind"]:
            rows = rows.filter(kind=self.cleaned_data["kind"])
        return self._in_unit(rows)


class ProfileFilter(_OfUnits):
    """What narrows the list of profiles."""

    orders = ordering.PROFILES
    patience = 400
    quick = 20
    field_order = ["q", "state", "unit", "rows"]
    state = forms.ChoiceField(required=False, label=_("Address"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["q"].label = _("Name, address, city, phone or id: any part of them")
        out, unclear = ("opted_out", _("Opted out")), ("unclear", _("Consent unclear"))
        state: Any = self.fields["state"]
        state.choices = [("", _("All")), *AddressState.choices, out, unclear]

    def narrowed(self, rows: QuerySet[Profile]) -> QuerySet[Profile]:
        """The rows that state and unit leave; the search is another matter."""
        if not self.is_valid():
            return rows
        state = self.cleaned_data["state"]
        if state == "opted_out":
            rows = rows.exclude(no_email=False, no_sms=False, no_contact=False)
        elif state == "unclear":
            rows = rows.filter(consent_unclear=True)
        elif state:
            rows = rows.filter(email_state=state)
        return self._in_unit(rows)


class ImportFilter(_OfUnits):
    """A part of the file's name, the status, the unit."""

    orders = ordering.IMPORTS
    field_order = ["q", "status", "unit", "rows"]
    status = forms.ChoiceField(
        required=False, label=_("Status"), choices=[("", _("All statuses")), *Import.Status.choices]
    )

    def narrowed(self, rows: QuerySet[Import]) -> QuerySet[Import]:
        """The rows that the filters leave; a filter that makes no sense is ignored."""
        if not self.is_valid():
            return rows
        if self.words:
            rows = rows.filter(file_name__icontains=self.words)
        if self.cleaned_data["status"]:
            rows = rows.filter(status=self.cleaned_data["status"])
        return self._in_unit(rows)
