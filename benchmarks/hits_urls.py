"""The public addresses, and beside them one that does nothing: what the frame around each of them costs."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from feedback import public_urls

PREFIXES = public_urls.PREFIXES | {"/b/"}


def bare(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("b/<str:token>", bare), *public_urls.urlpatterns]
