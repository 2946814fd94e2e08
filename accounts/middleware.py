"""The edge of the web: refusals are shown as they read, and recorded once the transaction is rolled back."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts import audit
from campaign.lib.refusals import Forbidden, Refusal


def no_nul(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """An address with a NUL, which PostgreSQL takes in no text and no person types, is a bad request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("NUL in the address")
        return get_response(request)

    return middleware


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
