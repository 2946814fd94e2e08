"""The edge of the web: refusals are shown as they read, and recorded once the transaction is rolled back."""

import codecs
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from csp.constants import HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from accounts import access, audit, leading
from accounts.edge import idle
from accounts.kept_forms import edge as kept_forms
from accounts.people import self_service
from campaign.lib import reader_zone
from campaign.lib.refusals import Forbidden, Refusal

ZONE_COOKIE = "sinete_zone"


def well_formed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What no browser sends and no database takes is a bad request: a NUL in query or cookie, letters not in UTF-8.

    In another encoding half a character can be written, which nothing behind here could store.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404("NUL in the path")
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("NUL in the query")
        if any("\0" in name or "\0" in value for name, value in request.COOKIES.items()):
            raise BadRequest("NUL in a cookie")
        if request.encoding and not _is_utf8(request.encoding):
            raise BadRequest("not in UTF-8")
        return get_response(request)

    return middleware


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def never_kept(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What a signed-in person is shown is kept by no browser and no proxy: after a sign-out nobody turns back to it.

    A view may say otherwise by a `Cache-Control` of its own.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if is_signed_in(request):
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware


def is_signed_in(request: HttpRequest) -> bool:
    """Whether the answer was made for somebody who is signed in; a session that nobody read isn't read for it."""
    session: Any = getattr(request, "session", None)
    return hasattr(session, "_session_cache") and SESSION_KEY in session


def in_own_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Moments are shown in the zone of whoever reads, once it is known who that is; the next request begins anew."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with reader_zone.unknown():
            return get_response(request)

    return middleware


def _read_in_own_zone(request: HttpRequest) -> None:
    """As the person chose; else as their browser says, in a cookie that our script sets."""
    if request.user.is_authenticated:
        reader_zone.read_in(request.user.time_zone or request.COOKIES.get(ZONE_COOKIE, ""))


class Policies(CSPMiddleware):
    """What a page may load and run: the desk has a policy of its own, and a view may set another for its answer."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """What a view said stands, and none is put together beside it: that is dear, and readers are many."""
        return response if HEADER in response.headers else super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path.startswith("/admin/"):
            return replace(parts, config=settings.DESK_SECURITY_POLICY["DIRECTIVES"])
        return parts


class SignedIn(LoginRequiredMiddleware):
    """Every page asks for a login but those that say otherwise; of these nobody's session is read.

    A session that was left alone has ended, and whoever has a password of somebody else's changes it first.
    """

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if not getattr(view_func, "login_required", True):
            return None  # stands while the database is away, whoever looks
        if request.user.is_authenticated and idle.has_ended(request):
            kept_forms.remember(request, request.user)
            self_service.end_session(request)
        _read_in_own_zone(request)
        if request.user.is_authenticated and request.user.must_change_password and not _is_open(request):
            return leading.lead(request, reverse("password_change"))
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
        """To the sign-in, and from there back to the page that one looked at, with what was typed there."""
        page = leading.page_of(request)
        if request.method == "POST":
            page = kept_forms.keep(request, page=page) or page
        # A script that reads its own address encodes more than Django does: each as it is expected.
        safe = "" if request.headers.get("HX-Request") else "/"
        return leading.lead(request, reverse("login") + (f"?next={quote(page, safe=safe)}" if page else ""))


OPEN = {"password_change", "password_change_done", "logout", "set_language"}


def _is_open(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name in OPEN


class RefusalMiddleware:
    """Names the face for the audit trail; turns a Refusal that no view caught into a page.

    For a page that is only looked at, a person's rights on units are read once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        face = "admin" if request.path.startswith("/admin/") else "page"
        # What is posted may wait for a lock, and a right be gone by then: it is asked for each time.
        rights = access.read_once() if request.method in ("GET", "HEAD") else nullcontext()
        with audit.entered(face), rights:
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        by = request.user if request.user.is_authenticated else None
        if request.method != "GET":
            audit.record_refusal(exception, by=by)
        status = 403 if isinstance(exception, Forbidden) else 409
        return render(request, "refused.html", {"refusal": exception, "status": status}, status=status)
