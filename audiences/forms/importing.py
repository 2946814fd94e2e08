"""The form of an import, and the choices of how its file is read."""

from dataclasses import fields as dataclass_fields
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import Right
from audiences import imports
from audiences.fields import attributes
from audiences.forms.units import UnitField


class ChoicesForm(forms.Form):
    """How to read what can be read in two ways."""

    decimal = forms.ChoiceField(
        required=False,
        label=_("Decimals, where the column doesn't tell"),
        choices=[("", _("Ask")), (",", _("Comma: 2.500 is 2500")), (".", _("Point: 2.500 is 2½"))],
    )
    dates = forms.ChoiceField(
        required=False,
        label=_("Dates, where the column doesn't tell"),
        choices=[
            ("", _("Ask")),
            ("day", _("The day first: 03/04 is in April")),
            ("month", _("The month first: 03/04 is in March")),
        ],
    )
    shared_ids = forms.BooleanField(
        required=False, label=_("One external id may stand beside several addresses; its last row counts")
    )
    keep_good_rows = forms.BooleanField(
        required=False, label=_("If the file is broken, import its good rows all the same")
    )
    suppression = forms.BooleanField(
        required=False,
        label=_("The file is a suppression list: addresses, domains or hashes that are never written to"),
    )

    @property
    def options(self) -> imports.Options:
        """What was chosen; of a form that is valid."""
        names = {field.name for field in dataclass_fields(imports.Options)}
        return imports.Options(
            **{name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        )


class ImportForm(ChoicesForm):
    """A file and how to take it."""

    file = forms.FileField(
        label=_("CSV file, or workbook of Excel or LibreOffice"),
        help_text=_("Drop it here. Delimiter and encoding are found out; columns go by their names."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,.xlsm,.xlsb,.xls,.ods,text/csv"}),
    )
    list_label = forms.CharField(
        required=False,
        max_length=128,
        label=_("Add the profiles to a fixed list"),
        help_text=_("Its label; a new one is made where there is none."),
    )
    declare_attributes = forms.BooleanField(
        required=False, label=_("Declare columns that are unknown as attributes of the profiles")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = UnitField(user=user, right=Right.IMPORT, help_text=_("New profiles belong to it."))
        first = {
            name: self.fields[name] for name in ("file", "list_label", "declare_attributes", "keep_good_rows")
        }
        self.fields = {"file": first["file"], "unit": unit, **first, **self.fields}
        if not attributes.may_declare(user):
            self.fields["declare_attributes"].disabled = True
            self.fields["declare_attributes"].help_text = attributes.who_declares()
