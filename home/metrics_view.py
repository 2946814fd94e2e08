"""Where Prometheus asks: off unless a token is set, and only for whoever brings that along."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from home import metrics as figures


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics; 401 without the token. Raise Http404 where no token is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})
    return HttpResponse(
        figures.text(), content_type=figures.CONTENT_TYPE, headers={"Cache-Control": "no-store"}
    )
