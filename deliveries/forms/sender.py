"""A sender of a unit."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right


class SenderForm(forms.Form):
    """A new sender, or another name and address of replies for one that is there."""

    unit = forms.ModelChoiceField(
        queryset=OrganizationalUnit.objects.none(), label=_("Unit"), empty_label=None
    )
    address = forms.CharField(
        max_length=320,
        label=_("Address or domain"),
        help_text=_(
            "news@example.com, or example.com for all its addresses; it holds in all units below too."
        ),
    )
    name = forms.CharField(required=False, max_length=200, label=_("Sender's name"))
    reply_to = forms.CharField(required=False, max_length=320, label=_("Reply to"))

    def __init__(self, *args: object, by: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = access.units(by, Right.ADMINISTER).order_by("path")
