"""Signing in and out, the language, and the pages about oneself."""

from typing import Any

from allauth.account import views as allauth_views
from allauth.core import ratelimit
from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language as django_set_language

from accounts.demo_accounts import DEMO_ACCOUNTS
from accounts.edge.middleware import ZONE_COOKIE
from accounts.models import User
from accounts.people import people, self_service
from accounts.people.forms import AccountForm, OwnPasswordForm
from accounts.people.signing_in import SignInForm
from campaign.lib import clock, reader_zone

set_language = login_not_required(django_set_language)


class LoginView(allauth_views.LoginView):
    """Where `next` leads is checked by django-allauth: only to this host."""

    form_class = SignInForm

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        status = 429 if form.was_turned_away else 200
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(demo_accounts=demo_accounts(), **kwargs)
        return {**context, "next": context["redirect_field_value"] or ""}


@login_not_required
def desk_login(request: HttpRequest) -> HttpResponse:
    """Send whoever opens the desk to the one page where people sign in.

    Raise PermissionDenied for a person who is signed in and may not use the desk.
    """
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    wanted = request.GET.get("next") or request.POST.get("next") or reverse("admin:index")
    slots = QueryDict(mutable=True)
    slots["next"] = wanted
    return redirect(f"{reverse('login')}?{slots.urlencode(safe='/')}")


class LogoutView(auth_views.LogoutView):
    """By POST alone."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self_service.sign_out(request)
        return super().post(request, *args, **kwargs)


@method_decorator(rate_limit(action="change_password"), name="dispatch")
class PasswordChangeView(auth_views.PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("password_change_done")


@require_POST
def confirm_address(request: HttpRequest) -> HttpResponse:
    """A link goes to the address of whoever asks."""
    user = request.user
    assert isinstance(user, User)
    if not ratelimit.consume(request, action="confirm_email", key=str(user.pk)):
        messages.warning(request, _("A link was sent a moment ago: look into your mail."))
        return redirect("account")
    self_service.ask_to_confirm_address(by=user)
    messages.success(request, str(_("A link is on its way to %(address)s.")) % {"address": user.email})
    return redirect("account")


def demo_accounts() -> list[tuple[str, str, str]]:
    """(role, user name, password) of the demo's people; nothing but on the embedded servers."""
    return DEMO_ACCOUNTS if settings.IS_EMBEDDED else []


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Name, time zone and language of oneself."""
    user = request.user
    assert isinstance(user, User)
    said = request.COOKIES.get(ZONE_COOKIE, "")
    browser_zone = said if reader_zone.named(said) else ""
    if request.method == "POST":
        form = AccountForm(request.POST, browser_zone=browser_zone)
        if form.is_valid():
            return _save_account(request, form, by=user)
    else:
        values = {
            "first_name": user.first_name, "last_name": user.last_name, "language": get_language(),
            "time_zone": user.time_zone,
        }  # fmt: skip
        form = AccountForm(initial=values, browser_zone=browser_zone)
    context = {"form": form, "is_verified": people.verified_address(user) is not None, "now": clock.now()}
    return render(request, "registration/account.html", context)


def _save_account(request: HttpRequest, form: AccountForm, *, by: User) -> HttpResponse:
    language = form.cleaned_data["language"]
    self_service.change_name(
        first_name=form.cleaned_data["first_name"], last_name=form.cleaned_data["last_name"], by=by
    )
    self_service.read_in(time_zone=form.cleaned_data["time_zone"], by=by)
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
