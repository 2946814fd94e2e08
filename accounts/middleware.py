"""The edge of the web: refusals are shown as they read, and recorded once the transaction is rolled back."""

import codecs
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts import audit
from campaign.lib.refusals import Forbidden, Refusal


def well_formed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """What no browser sends and no database takes is a bad request: a NUL in address or cookie, letters not in UTF-8.

    In another encoding half a character can be written, which nothing behind here could store.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path_info:
            raise BadRequest("NUL in the address")
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


class Policies(CSPMiddleware):
    """What a page may load and run: the desk has a policy of its own, and a view may set another for its answer."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path.startswith("/admin/"):
            return replace(parts, config=settings.DESK_SECURITY_POLICY["DIRECTIVES"])
        return parts


class SignedIn(LoginRequiredMiddleware):
    """Every page asks for a login but those that say otherwise; of these nobody's session is read."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if not getattr(view_func, "login_required", True):
            return None  # stands while the database is away, whoever looks
        return super().process_view(request, view_func, view_args, view_kwargs)


class RefusalMiddleware:
    """Names the face for the audit trail; turns a Refusal that no view caught into a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        face = "admin" if request.path.startswith("/admin/") else "page"
        with audit.entered(face):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        by = request.user if request.user.is_authenticated else None
        if request.method != "GET":
            audit.record_refusal(exception, by=by)
        status = 403 if isinstance(exception, Forbidden) else 409
        return render(request, "refused.html", {"refusal": exception, "status": status}, status=status)
