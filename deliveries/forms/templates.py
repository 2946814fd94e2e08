"""A template of content, written on its page or made of a delivery's content."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from deliveries.drafting.content_templates import MOST_LETTERS


class KeepAsTemplate(forms.Form):
    """What the content of a delivery is called as a template, and in which unit it holds."""

    label = forms.CharField(max_length=128, label=_("Label"))
    unit = forms.ModelChoiceField(
        OrganizationalUnit.objects.none(), empty_label=None, label=_("Organisational unit"),
        help_text=_("All units below can begin with it too."),
    )  # fmt: skip

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(by, Right.PREPARE).order_by("path")


class TemplateForm(KeepAsTemplate):
    """A whole template."""

    subject = forms.CharField(required=False, strip=False, max_length=2_000, label=_("Subject"))
    preheader = forms.CharField(required=False, strip=False, max_length=2_000, label=_("Preheader"))
    html = forms.CharField(
        required=False,
        strip=False,
        max_length=MOST_LETTERS["html"],
        label=_("HTML"),
        widget=forms.Textarea(
            attrs={"rows": 22, "class": "editor__code", "spellcheck": "false", "wrap": "off"}
        ),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=MOST_LETTERS["text"],
        label=_("Text part"),
        widget=forms.Textarea(attrs={"rows": 8, "class": "editor__code", "spellcheck": "false"}),
        help_text=_("Leave it empty to have one made from the HTML."),
    )

    @property
    def said(self) -> dict[str, Any]:
        """The arguments for `content_templates.save`, with the author's line ends."""
        parts = {part: self.cleaned_data[part].replace("\r\n", "\n") for part in MOST_LETTERS}
        return {"unit": self.cleaned_data["unit"], "label": self.cleaned_data["label"], **parts}
