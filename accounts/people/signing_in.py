"""Signing in, as django-allauth does it, with our words, our audit trail, and our mail.

Both doors lead here. How often a network and an account may fail is ACCOUNT_RATE_LIMITS; the counts are in PostgreSQL.
"""

import hashlib
import ipaddress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm, ResetPasswordKeyForm
from allauth.account.models import EmailAddress
from django import forms
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.core.exceptions import NON_FIELD_ERRORS, ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import LetterKind, User
from accounts.people import letters, people, self_service
from campaign.lib import networks

SECONDS_BETWEEN_EVENTS = 60  # a door that is held shut is said once a minute, however often one knocks
LETTERS = {
    "account/email/password_reset_key": LetterKind.RESET,
    "account/email/email_confirmation": LetterKind.CONFIRM,
}


class Adapter(DefaultAccountAdapter):
    """django-allauth's hooks: each does one verb of ours."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _(
            "Please enter a correct user name and password. In both, capital letters count."
        ),
        "too_many_login_attempts": _("Too many attempts to sign in failed. Wait for five minutes."),
    }

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say themselves what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Who asks. IPv4 by a socket for both is IPv4: all the world would share one brake otherwise."""
        try:
            address = ipaddress.ip_address(super().get_client_ip(request).partition("%")[0])
        except (PermissionDenied, ImproperlyConfigured):
            # No address at all, or fewer proxies than PROXIES says: all of these share one brake.
            return "0.0.0.0"
        return str(getattr(address, "ipv4_mapped", None) or address)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Let allauth count the try; after too many, record that and raise its ValidationError."""
        try:
            super().pre_authenticate(request, **credentials)
        except forms.ValidationError:
            self._turned_away(request, credentials)
            raise

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Only who exists, is active and has the password; names are as they are written."""
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        if user is None:
            self.authentication_failed(request, **credentials)
            return None
        self._rollback_login_failed_rl_usage()
        assert isinstance(user, User)
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        _record_failure(request, credentials, "wrong_password")

    def _turned_away(self, request: HttpRequest, credentials: dict[str, Any]) -> None:
        who = f"{network(request)} {credentials.get('username', '').lower()}"
        key = f"turned-away:{hashlib.sha256(who.encode()).hexdigest()}"
        if cache.add(key, True, SECONDS_BETWEEN_EVENTS):
            _record_failure(request, credentials, "too_many_attempts")

    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        audit.record("sign_in", by=user, target=user, network=network(request))

    def clean_password(self, password: str, user: Any = None) -> str:
        if user is not None:
            people.refuse_same(user, password)
        return super().clean_password(password, user)

    def set_password(self, user: Any, password: str) -> None:
        self_service.choose_password(password=password, by=user)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        user = email_address.user
        return email_address.email == user.email.lower() and self_service.confirm_address(by=user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Written down, and sent by a worker: how long that takes tells nobody whether there is such an account."""
        letters.post(LETTERS[template_prefix], context["user"], to=context["user"].email)


class ChosenPasswordForm(ResetPasswordKeyForm):
    """A password by a link, of an invitation or because it was forgotten; its labels are said once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class SignInForm(LoginForm):
    """django-allauth's form under the names that browsers and scripts know: `username` and `password`."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        username = self.fields.pop("login")
        username.label = _("Username")
        username.widget = forms.TextInput(
            {"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}
        )
        password = self.fields["password"]
        password.help_text = ""
        password.widget.attrs.pop("placeholder", None)
        self.fields = {"username": username, "password": password}

    def clean(self) -> Any:
        self.cleaned_data["login"] = self.cleaned_data.get("username", "").strip()
        return super().clean()

    @property
    def was_turned_away(self) -> bool:
        """Whether the brake held, and the password was not even looked at."""
        return self.has_error(NON_FIELD_ERRORS, "too_many_login_attempts")


def network(request: HttpRequest) -> str:
    """Where a request comes from, as far as it is kept: the network, not the machine."""
    return networks.kept(Adapter(request).get_client_ip(request))


def _record_failure(request: HttpRequest, credentials: dict[str, Any], reason: str) -> None:
    """A name that nobody has is not kept: it may be a password that was typed into the wrong field."""
    user = User.objects.filter(username=credentials.get("username", "")).first()
    audit.record(
        "sign_in", by=None, target=user, refused=True, reason=reason, network=network(request),
        account="known" if user else "unknown",
    )  # fmt: skip
