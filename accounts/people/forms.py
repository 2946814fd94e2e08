"""Forms of the pages about oneself."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.people import people, self_service
from campaign.lib import local_time


class AccountForm(forms.Form):
    """Name and language of the person who is signed in."""

    first_name = forms.CharField(
        label=_("First name"),
        max_length=150,
        required=False,
        widget=forms.TextInput({"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=_("Last name"),
        max_length=150,
        required=False,
        widget=forms.TextInput({"autocomplete": "family-name"}),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_(
            "In which you read all moments. A delivery's own zone stands beside it where they differ."
        ),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES],
        widget=forms.RadioSelect,
        help_text=_("Of these pages in this browser. What you send has the language of its content."),
    )

    def __init__(self, *args: Any, browser_zone: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = _("As the browser says (%(zone)s)") % {"zone": browser_zone.replace("_", " ")}
        first = said if browser_zone else _("As the browser says")
        zone: Any = self.fields["time_zone"]
        zone.choices = [("", first), *local_time.choices()]


class OwnPasswordForm(PasswordChangeForm):
    """Django's form, whose change goes through the verb."""

    user: User

    def clean_new_password1(self) -> str:
        password = self.cleaned_data["new_password1"]
        people.refuse_same(self.user, password)
        return password

    def save(self, commit: bool = True) -> User:
        self_service.change_password(password=self.cleaned_data["new_password1"], by=self.user)
        return self.user
