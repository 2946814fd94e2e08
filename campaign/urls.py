"""Where everything is mounted."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def _nowhere(request: HttpRequest, **_where: str) -> HttpResponse:
    """Django's *view on site* leads to a row's own page; no model of ours has one, and some have no table."""
    raise Http404


urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/r/<path:where>", _nowhere),
    path("", include("accounts.urls")),  # first: its doors are the desk's too
    path("admin/", admin.site.urls),
    path("", include("audiences.urls")),
    path("", include("deliveries.urls")),
    path("", include("feedback.urls")),
    path("", include("reporting.urls")),
]
