"""How the pages of services answer: in a reader's language, without a session, running nothing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from feedback.public.pages import OWN_PAGE


def page(
    request: HttpRequest, name: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A page of our own, by the name of its template."""
    response = HttpResponse(render_to_string(f"feedback/{name}.html", context), status=status)
    response.headers["Content-Security-Policy"] = OWN_PAGE
    return response


def nowhere(request: HttpRequest) -> HttpResponse:
    """The same for whatever is not ours."""
    return page(request, "no_such_page", status=404)
