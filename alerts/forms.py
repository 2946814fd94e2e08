"""The forms of the pages: one's own choices, a unit's limits, a webhook."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from alerts.choices import Chosen
from alerts.conditions import Limits
from alerts.models import AlertLimits, Condition, MailWhen, Whose
from campaign.lib import numbers


class ChoicesForm(forms.Form):
    """Of each condition: of which deliveries, and when by mail."""

    def __init__(self, *args: Any, chosen: dict[Condition, Chosen], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for condition, one in chosen.items():
            self.fields[f"whose_{condition}"] = forms.ChoiceField(
                label=_("Of which deliveries"), choices=Whose.choices, initial=one.whose
            )
            self.fields[f"mail_{condition}"] = forms.ChoiceField(
                label=_("By mail"), choices=MailWhen.choices, initial=one.mail
            )

    @property
    def rows(self) -> list[tuple[Any, Any, Any]]:
        """Each condition with its two fields."""
        return [(each, self[f"whose_{each}"], self[f"mail_{each}"]) for each in Condition]

    @property
    def chosen(self) -> dict[Condition, Chosen]:
        data = self.cleaned_data
        return {
            each: Chosen(Whose(data[f"whose_{each}"]), MailWhen(data[f"mail_{each}"])) for each in Condition
        }


HOLDS = [("", _("As above")), ("yes", _("Yes")), ("no", _("No"))]


class LimitsForm(forms.ModelForm):
    """What a unit says itself; what is left empty shows what holds from above."""

    holds = forms.TypedChoiceField(
        label=_("Hold a send that passes a limit"), choices=HOLDS, required=False,
        coerce=lambda text: text == "yes", empty_value=None,
        help_text=_("It rests until somebody who may start deliveries resumes it; an alert holds a send once."),
    )  # fmt: skip

    class Meta:
        model = AlertLimits
        fields = [
            "bounces", "complaints", "opt_outs", "times_typical", "least", "holds", "late", "not_moving", "waiting",
        ]  # fmt: skip

    def __init__(self, *args: Any, above: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            value = getattr(above, name)
            if name == "holds":
                said = _("Yes") if value else _("No")
                field.choices = [("", f"{HOLDS[0][1]}: {said}"), *HOLDS[1:]]
            elif value is not None:
                field.widget.attrs["placeholder"] = numbers.short(value)
        if self.instance.holds is not None:
            self.initial["holds"] = "yes" if self.instance.holds else "no"


class WebhookForm(forms.Form):
    """A webhook as its unit's administrators enter it."""

    label = forms.CharField(max_length=128, label=_("Label"))
    url = forms.CharField(
        max_length=500,
        label=_("Address"),
        help_text=_("It begins with https:// and leads to a public network."),
    )
    conditions = forms.MultipleChoiceField(
        choices=Condition.choices, required=False, label=_("Conditions"), widget=forms.CheckboxSelectMultiple,
        help_text=_("None: all of them."),
    )  # fmt: skip


class WebhookChangeForm(WebhookForm):
    is_active = forms.BooleanField(required=False, label=pgettext_lazy("webhook", "Active"))
