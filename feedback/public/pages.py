"""What pages for anybody have in common: no session, nothing stored on the way, and one answer to what is not ours."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from feedback import outage

UNSIGNED = "preview"  # what stands in the place of a token where nobody is written to

# A picture, a redirect or a word loads and runs nothing.
NO_PAGE = "default-src 'none'"
# Our own pages run nothing and load only our style sheet.
OWN_PAGE = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def public(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For anybody, never stored on the way, never indexed, and the token is not passed on as a referrer."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except outage.Away:
            response = later(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        response.headers.setdefault("Content-Security-Policy", NO_PAGE)
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return login_not_required(wrapped)


def page(
    request: HttpRequest, name: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A page of our own, by the name of its template, in the reader's language."""
    # Without what the frame of our own pages asks of the database: these stand while it is away, whoever looks.
    with _in_their_language(request):
        return own(render_to_string(f"feedback/{name}.html", context), status=status)


def _in_their_language(request: HttpRequest) -> AbstractContextManager[None]:
    """As the browser asks for it, where nothing chose a language before."""
    if hasattr(request, "LANGUAGE_CODE"):
        return nullcontext()
    return translation.override(translation.get_language_from_request(request))


def own(text: str, *, status: int = 200) -> HttpResponse:
    """A page of our own, as it is written: it runs nothing."""
    response = HttpResponse(text, status=status)
    response.headers["Content-Security-Policy"] = OWN_PAGE
    return response


def no_such_page(request: HttpRequest, token: str = "") -> HttpResponse:
    """The same for whatever is not ours; but somebody who tries the links of a preview is told so."""
    return page(request, "no_such_page", {"is_preview": token == UNSIGNED}, status=404)


def gone(request: HttpRequest) -> HttpResponse:
    """The token is ours, but what it speaks of is not there any more."""
    return page(request, "gone", status=410)


def over(request: HttpRequest) -> HttpResponse:
    """The link was valid for a time, and that has passed."""
    return page(request, "over", status=410)


def later(request: HttpRequest) -> HttpResponse:
    """The database is away: nothing was changed, and the reader may come again in a minute."""
    response = page(request, "later", status=503)
    response.headers["Retry-After"] = "60"
    return response
