"""Signing in and out, the language, and the pages about oneself."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language as django_set_language

from accounts import self_service
from accounts.forms import AccountForm, OwnPasswordForm
from accounts.models import User

DEMO = "accounts.demo"

set_language = login_not_required(django_set_language)


class LoginView(auth_views.LoginView):
    """Where `next` leads is checked by Django: only to this host."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_accounts=demo_accounts(), **kwargs)


class PasswordChangeView(auth_views.PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("password_change_done")


def demo_accounts() -> list[tuple[str, str, str]]:
    """(role, user name, password) of the demo's people; nothing but on the embedded servers."""
    if not settings.IS_EMBEDDED or find_spec(DEMO) is None:
        return []
    return [(str(role), user, password) for role, user, password in import_module(DEMO).DEMO_ACCOUNTS]


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Name and language of oneself."""
    user = request.user
    assert isinstance(user, User)
    if request.method == "POST":
        form = AccountForm(request.POST)
        if form.is_valid():
            return _save_account(request, form, by=user)
    else:
        values = {"first_name": user.first_name, "last_name": user.last_name, "language": get_language()}
        form = AccountForm(initial=values)
    return render(request, "registration/account.html", {"form": form})


def _save_account(request: HttpRequest, form: AccountForm, *, by: User) -> HttpResponse:
    language = form.cleaned_data["language"]
    self_service.change_name(
        first_name=form.cleaned_data["first_name"], last_name=form.cleaned_data["last_name"], by=by
    )
    with override(language):
        messages.success(request, str(_("Your account is saved.")))
    response = redirect("account")
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
    return response
