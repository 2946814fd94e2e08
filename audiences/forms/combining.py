"""The form that combines several lists and rules into one audience."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences.forms import choices
from audiences.forms.units import UnitField
from audiences.models import Audience
from audiences.targets import combining
from audiences.targets.combining import Part
from campaign.lib import numbers

BEGINS_WITH = 3  # rows
WITH, WITHOUT = "with", "without"


class CombineForm(forms.Form):
    """Rows of *with* or *without* and a list or rule each, the label of the whole, its unit."""

    label = forms.CharField(
        required=False,
        max_length=combining.LONGEST_LABEL,
        label=_("Label"),
        help_text=_("Empty: made of theirs."),
    )

    def __init__(self, *args: Any, user: User, unit: OrganizationalUnit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.fixed = user, unit
        if unit is None:
            self.fields["unit"] = UnitField(user=user, right=Right.PREPARE)
        offered = choices.named(user, self.unit)
        number = max(BEGINS_WITH, min(self._rows(), combining.MOST_PARTS))
        self.rows = [(f"how-{row}", f"audience-{row}") for row in range(number)]
        for place, (how, audience) in enumerate(self.rows, start=1):
            self.fields[how] = forms.ChoiceField(
                choices=[(WITH, _("With")), (WITHOUT, _("Without"))],
                required=False,
                label=_("With or without"),
                widget=forms.Select({"class": "input"}),
            )
            self.fields[audience] = forms.ChoiceField(
                choices=[("", "–"), *((str(pk), label) for pk, label in offered)],
                required=False,
                label=_("List or rule %(number)s") % {"number": place},
                widget=forms.Select({"class": "input"}),
            )

    def _rows(self) -> int:
        found = sum(f"audience-{row}" in self.data for row in range(combining.MOST_PARTS))
        return found + (self.data.get("do") == "more")

    @property
    def unit(self) -> OrganizationalUnit | None:
        """The unit that the whole belongs to: the fixed one, or the one that is chosen."""
        if self.fixed is not None:
            return self.fixed
        units = access.units(self.user, Right.PREPARE)
        chosen = numbers.key(self.data.get("unit")) if self.is_bound else None
        return next((one for one in units if one.pk == (chosen or self.user.home_unit_id)), None) or next(
            iter(units), None
        )

    @property
    def parts(self) -> list[Part]:
        """What is chosen so far, in the order of the rows; what the person may not see is left out."""
        wanted = [
            (key, self.data.get(how) == WITHOUT)
            for how, audience in self.rows
            if (key := numbers.key(self.data.get(audience)))
        ]
        seen = access.visible(self.user, Audience.objects.select_related("unit"))
        found = seen.in_bulk([key for key, _without in wanted])
        return [Part(found[key], without) for key, without in wanted if key in found]

    @property
    def bound_rows(self) -> Sequence[tuple[Any, Any]]:
        return [(self[how], self[audience]) for how, audience in self.rows]

    def counted(self) -> dict[str, Any]:
        """Each part and the whole, counted now; of the whole nothing where nobody is taken yet."""
        parts, unit = self.parts, self.unit
        taken = unit is not None and any(not part.without for part in parts)
        return {
            "parts": combining.counted(parts, unit),
            "whole": combining.whole(parts, unit) if taken and unit is not None else None,
        }

    def make(self, *, by: User) -> Audience:
        """Make the audience that a valid form describes; raise what `combining.make` raises."""
        unit = self.fixed or self.cleaned_data["unit"]
        return combining.make(parts=self.parts, label=self.cleaned_data["label"], unit=unit, by=by)
