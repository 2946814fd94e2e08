"""The forms of a profile and of a test profile: a field for each field of a profile."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from accounts.rights import Right
from audiences import sight
from audiences.fields import fields
from audiences.fields.fields import DATE, NUMBER, YES_NO, ProfileField
from audiences.forms.units import UnitField
from audiences.imports.columns import cells
from audiences.models import Attribute, Profile, TestProfile
from campaign.lib import reader_zone


def _kind_field(known: ProfileField) -> forms.Field:
    match known.kind:
        case kind if kind == NUMBER:
            return forms.DecimalField(
                required=False, label=known.label, max_digits=25, decimal_places=10, localize=True
            )
        case kind if kind == DATE:
            date = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(required=False, label=known.label, widget=date)
        case kind if kind == YES_NO:
            choices = [("", "–"), ("true", _("Yes")), ("false", _("No"))]
            return forms.ChoiceField(required=False, label=known.label, choices=choices)
    longest = fields.longest(known.name) if known.column else 1_000
    return forms.CharField(required=False, label=known.label, max_length=longest)


def _stored(known: ProfileField, value: Any) -> Any:
    """A form's value as attributes keep it; None for nothing."""
    if value in (None, ""):
        return None
    match known.kind:
        case kind if kind == NUMBER:
            return int(value) if value == value.to_integral_value() else float(value)
        case kind if kind == DATE:
            return value.isoformat()
        case kind if kind == YES_NO:
            return value == "true"
    return value


class _ValuesForm(forms.Form):
    """A form with one field for each field of a profile."""

    left_out: frozenset[str] = frozenset()

    def __init__(self, *args: Any, filled: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = [known for known in fields.shown(filled) if known.name not in self.left_out]
        self.hidden = Attribute.objects.count() - sum(not known.column for known in self.known)
        zones = [("", "–"), *((zone, zone.replace("_", " ")) for zone in reader_zone.names())]
        for known in self.known:
            self.fields[known.name] = _kind_field(known)
        self.fields["time_zone"] = forms.ChoiceField(required=False, label=_("Time zone"), choices=zones)

    @property
    def own_fields(self) -> list[forms.BoundField]:
        return [self[known.name] for known in self.known if known.column]

    @property
    def attribute_fields(self) -> list[forms.BoundField]:
        return [self[known.name] for known in self.known if not known.column]


class ProfileForm(_ValuesForm):
    """A profile's own fields and its attributes; the unit for a new one."""

    def __init__(self, *args: Any, user: User, profile: Profile | None = None, **kwargs: Any) -> None:
        if profile is not None:
            kwargs["filled"] = profile.attributes
            if not access.can(user, Right.ADDRESSES, profile):
                self.left_out = frozenset(sight.MASKED)  # they stay as they are
        super().__init__(*args, **kwargs)
        self.profile = profile
        if profile is not None:
            self.initial = {known.name: _shown(known, profile) for known in self.known}
        else:
            self.fields["unit"] = UnitField(user=user, right=Right.IMPORT)

    def clean_language(self) -> str:
        """Return the code as it is stored, or an empty text; raise ValidationError for what is no language's code."""
        language = self.cleaned_data["language"].strip()
        read = cells.language(language) if language else ""
        if read is None:
            raise forms.ValidationError(_("This is no code of a language, such as en or pt-BR."))
        return read

    @property
    def values(self) -> dict[str, Any]:
        """What the verb takes: one-line texts, attributes together."""
        cleaned = self.cleaned_data
        values = {known.name: cleaned[known.name] for known in self.known if known.column}
        # Undeclared attributes that an earlier time left behind stay.
        attributes = dict(self.profile.attributes) if self.profile else {}
        for known in self.known:
            if not known.column:
                attributes.pop(known.name, None)
                if (value := _stored(known, cleaned[known.name])) is not None:
                    attributes[known.name] = value
        return values | {"attributes": attributes}


def _shown(known: ProfileField, profile: Profile) -> Any:
    value = known.value_of(profile)
    return str(value).lower() if isinstance(value, bool) else value


class TestProfileForm(_ValuesForm):
    """An address of ours, and the values that fill the content."""

    __test__ = False
    left_out = frozenset({"email", "external_id"})

    def __init__(
        self, *args: Any, user: User, test_profile: TestProfile | None = None, **kwargs: Any
    ) -> None:
        # What the form doesn't show stays as it is.
        self.kept: dict[str, Any] = test_profile.values if test_profile else {}
        super().__init__(*args, filled=self.kept, **kwargs)
        first = {
            "label": forms.CharField(max_length=128, label=_("Label")),
            "address": forms.CharField(max_length=254, label=_("Email")),
            "unit": UnitField(user=user, right=Right.PREPARE),
        }
        self.fields = first | self.fields

    @property
    def values(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        found = dict(self.kept)
        for known in self.known:
            found.pop(known.name, None)
            value = cleaned[known.name]
            stored = value.isoformat() if known.kind == DATE and value else _stored(known, value)
            if stored is not None:
                found[known.name] = stored
        return found
