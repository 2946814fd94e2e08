"""Whom a proof goes to."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from accounts.people import people
from audiences import sight
from audiences.models import Profile, TestProfile
from campaign.lib import numbers


class SendProof(forms.Form):
    """Who gets the proof, with whose values it is filled, and what precedes its subject."""

    to_me = forms.BooleanField(required=False, label=_("To me"))
    test_profiles = forms.ModelMultipleChoiceField(
        TestProfile.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Test profiles"),
    )
    # Whose values fill the copy to oneself: a preview that is sent from its page names its test profile.
    sample = forms.ModelChoiceField(TestProfile.objects.none(), required=False, widget=forms.HiddenInput)
    profile = forms.CharField(
        required=False,
        max_length=320,
        label=_("Filled with the values of"),
        help_text=_("A profile's number, external id or address; empty: each test profile's own values."),
    )
    prefix = forms.CharField(
        required=False,
        strip=False,
        max_length=100,
        label=_("Prefix of the subject"),
        help_text=_("Leave it empty to see the subject as it will be."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        for name in ("test_profiles", "sample"):
            self.fields[name].queryset = access.visible(user, TestProfile.objects.all())
        own = people.verified_address(user)
        self.fields["to_me"].help_text = own or _("You have no verified address yet.")
        self.fields["to_me"].disabled = own is None

    def clean(self) -> dict[str, Any]:
        """Raise ValidationError where nobody gets it."""
        found = super().clean() or self.cleaned_data
        if not self.errors and not found.get("to_me") and not found.get("test_profiles"):
            raise ValidationError(_("Choose at least one test profile, or send it to yourself."))
        return found

    @property
    def order(self) -> dict[str, Any]:
        """The arguments for `proofs.send`."""
        chosen = self.cleaned_data
        return {
            "test_profiles": list(chosen["test_profiles"]),
            "to_me": chosen["to_me"],
            "sample": chosen["sample"],
            "profile": chosen["profile"],
        }

    def clean_profile(self) -> Profile | None:
        """Return the profile among those that the person may see, or None where the field is empty.

        Raise ValidationError where no profile has this number, external id or address.
        """
        text = self.cleaned_data["profile"].strip()
        found = find_profile(self.user, text) if text else None
        if text and found is None:
            raise ValidationError(_("No profile has this number, external id or address."))
        return found


def find_profile(user: User, text: str) -> Profile | None:
    """Find a profile by its number, external id or address, among those that the person may see."""
    condition = Q(external_id=text) | Q(email_key=text.lower()) | Q(pk=numbers.key(text))
    return sight.with_addresses(user, Profile.objects.filter(condition)).order_by("pk").first()
