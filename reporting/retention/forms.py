"""How long a unit keeps each kind, and why something is put under a hold."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from deliveries.models.retention import LONGEST_DAYS
from deliveries.retention.periods import Held


class PeriodsForm(forms.Form):
    """A field for each kind. Empty: as the unit above has it; 0: for ever."""

    def __init__(self, *args: Any, held: list[Held], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = held
        for each in held:
            self.fields[each.kind.value] = forms.IntegerField(
                label=_("%(kind)s: days") % {"kind": each.kind.label}, required=False, min_value=0,
                max_value=LONGEST_DAYS, initial=each.own,
            )  # fmt: skip

    @property
    def rows(self) -> list[tuple[Held, forms.BoundField]]:
        """Each kind as it is held now, with its field."""
        return [(each, self[each.kind.value]) for each in self.held]


class HoldForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("Whoever looks at it later reads it: a case, a request."),
    )
