"""Where everything is mounted."""

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def _nowhere(request: HttpRequest, **_where: str) -> HttpResponse:
    """Django's *view on site* leads to a row's own page; no model of ours has one, and some have no table."""
    raise Http404


def _search(request: HttpRequest) -> HttpResponse:
    """The desk's search, of which there is no page of such a number."""
    try:
        return admin.site.admin_view(admin.site.search)(request)  # type: ignore[attr-defined]  # django-unfold's
    except InvalidPage:
        raise Http404 from None


handler400 = "accounts.edge.refused.unreadable"
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/r/<path:where>", _nowhere),
    path("", include("accounts.urls")),  # first: its doors are the desk's too
    path("admin/search/", _search),
    path("admin/", admin.site.urls),
    path("", include("audiences.urls")),
    path("", include("deliveries.urls")),
    path("", include("feedback.urls")),
    path("", include("reporting.urls")),
    path("", include("alerts.urls")),
    path("", include("home.urls")),
]
