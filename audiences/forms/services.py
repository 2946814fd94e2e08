"""The forms of services: properties, and the words by which people are asked, in each language."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import Right
from audiences.forms.units import UnitField
from audiences.models import Audience, Service, ServiceText
from audiences.services.texts import PARTS

LABELS = {
    "consent": _("What is agreed to, on the form"),
    "subject": _("Subject of the mail"),
    "body": _("Text of the mail"),
}


class ServiceForm(forms.Form):
    """A service's properties; the unit for a new one."""

    label = forms.CharField(
        max_length=128, label=_("Label"), help_text=_("For you and your colleagues; not sent.")
    )
    public_name = forms.CharField(
        max_length=128, required=False, label=_("Name that readers see"),
        help_text=_("On the form, in mails and on their pages. Empty: as the label."),
    )  # fmt: skip
    double_opt_in = forms.BooleanField(
        required=False, initial=True, label=_("Double opt-in"),
        help_text=_("Whoever signs up gets a mail, and is subscribed once they confirm by its link."),
    )  # fmt: skip
    is_open = forms.BooleanField(required=False, initial=True, label=_("Takes sign-ups"))

    def __init__(self, *args: Any, user: User, service: Service | None = None, **kwargs: Any) -> None:
        if service is not None:
            kwargs["initial"] = {
                name: getattr(service, name) for name in ("label", "public_name", "double_opt_in", "is_open")
            }
        super().__init__(*args, **kwargs)
        if service is None:
            del self.fields["is_open"]
            self.fields["unit"] = UnitField(user=user, right=Right.PREPARE)


class TextForm(forms.Form):
    """The words of a service; a language whose fields are all empty is left out."""

    def __init__(self, *args: Any, text: ServiceText | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = text.words if text else {}
        for language, name in settings.LANGUAGES:
            for part, longest in PARTS.items():
                rows = {"consent": 3, "body": 7}.get(part)
                self.fields[f"{language}-{part}"] = forms.CharField(
                    required=False,
                    max_length=longest,
                    label=f"{name}: {LABELS[part]}",
                    initial=said.get(language, {}).get(part, ""),
                    widget=forms.Textarea(attrs={"rows": rows, "lang": language})
                    if rows
                    else forms.TextInput(attrs={"lang": language}),
                )

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """What the verb takes; of a form that is valid."""
        found = {}
        for language, _name in settings.LANGUAGES:
            parts = {part: self.cleaned_data[f"{language}-{part}"] for part in PARTS}
            if any(parts.values()):
                found[language] = parts
        return found


class AudienceChoice(forms.Form):
    """Whose people are subscribed."""

    audience: Any = forms.ModelChoiceField(Audience.objects.none(), label=_("Audience"))
    is_welcomed = forms.BooleanField(required=False, label=_("They get the welcome mails too"))

    def __init__(self, *args: Any, service: Service, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["audience"]
        offered.queryset = Audience.objects.filter(unit__in=service.unit.lineage)
