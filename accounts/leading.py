"""Where a request is led to: the page that it came from, on this host alone; and how its browser gets there."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme


def page_of(request: HttpRequest) -> str:
    """The page that was asked for, or that asked for a part of itself, or that held the form; on this host."""
    if request.headers.get("HX-Request"):
        return here(request, request.headers.get("HX-Current-URL", ""))
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    return here(request, request.headers.get("Referer", ""))


def here(request: HttpRequest, address: str) -> str:
    """The path of an address of this host; nothing of another's."""
    if not url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}):
        return ""
    parts = urlsplit(address)
    path = f"/{parts.path.lstrip('/')}"  # two slashes at the beginning would name a host
    return path + (f"?{parts.query}" if parts.query else "")


def lead(request: HttpRequest, address: str) -> HttpResponse:
    """There, the whole page: a part of one that htmx asked for is not filled with another page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
