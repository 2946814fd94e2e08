"""What a person makes of the logs for themselves: columns, filters by name, files; and how far a file is."""

from collections.abc import Iterable, Iterator

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_POST, require_safe

from accounts.desk import person
from accounts.edge.refused import told
from accounts.models import User
from audiences.profiles import export_styles
from campaign.lib import clock
from deliveries.models import Delivery
from reporting.exports import export_progress, exports
from reporting.exports.export_progress import Standing
from reporting.logs import columns, logs, saved_filters
from reporting.logs.logs import Log
from reporting.pages import find, never_stored


@require_POST
def choose_columns(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """The person sees these columns of the log from now on; raise Http404 for a log without columns."""
    delivery = find(request, pk)
    if tab not in columns.BY_LOG:
        raise Http404
    with told(request, delivery, action="choose_columns"):
        names = [] if "again" in request.POST else request.POST.getlist("column")
        columns.choose(user=person(request), code=tab, names=names)
    return _back(request, delivery, tab)


@require_POST
def save_filter(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """The filters that the page shows are kept by a name; what a rule refuses is said there."""
    delivery, log = find(request, pk), _log(tab)
    with told(request, delivery, action="save_log_filter"):
        chosen = logs.chosen(log, _query(request))
        saved = saved_filters.save(
            log=log, name=request.POST.get("name", ""), chosen=chosen, by=person(request), at=clock.now()
        )
        messages.success(request, _t("Kept as “%(name)s”.") % {"name": saved})
    return _back(request, delivery, tab)


@require_POST
def remove_filter(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """The filters of this name are kept no more."""
    delivery = find(request, pk)
    with told(request, delivery, action="remove_log_filter"):
        saved_filters.remove(log=_log(tab), name=request.POST.get("name", ""), by=person(request))
    return _back(request, delivery, tab)


@require_safe
def export(request: HttpRequest, pk: int, tab: str) -> HttpResponse | StreamingHttpResponse:
    """What the filters leave, as CSV; a page that names the export by a token can ask how far it is."""
    delivery, user = find(request, pk), person(request)
    if tab in logs.LOGS:
        lines = _log_file(request, delivery, logs.LOGS[tab])
    else:
        lines = exports.export_lists(delivery=delivery, code=tab, by=user)
    response = StreamingHttpResponse(lines, content_type=export_styles.content_type(user))
    name = get_valid_filename(f"{delivery.name}-{tab}.csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _log_file(request: HttpRequest, delivery: Delivery, log: Log) -> Iterator[bytes]:
    user, token = person(request), request.GET.get("progress", "")
    chosen = logs.chosen(log, request.GET)
    if not export_progress.is_token(token):
        return exports.export(delivery=delivery, log=log, chosen=chosen, by=user)
    of = exports.expected(delivery, log, chosen)
    reached = [0]

    def note(rows: int) -> None:
        reached[0] = rows
        export_progress.note(user, token, Standing(rows, of))

    lines = exports.export(delivery=delivery, log=log, chosen=chosen, by=user, progress=note)
    export_progress.note(user, token, Standing(0, of))
    return _ended(lines, user, token, reached)


def _ended(lines: Iterable[bytes], user: User, token: str, reached: list[int]) -> Iterator[bytes]:
    yield from lines
    export_progress.note(user, token, Standing(reached[0], reached[0], is_over=True))


@require_safe
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """How far an export of this person's is, in words; raise Http404 where nothing is known of it."""
    standing = export_progress.read(person(request), token) if export_progress.is_token(token) else None
    if standing is None:
        raise Http404
    answer = {"said": standing.in_words, "percent": standing.percent, "is_over": standing.is_over}
    return never_stored(JsonResponse(answer))


def _log(tab: str) -> Log:
    if tab not in logs.LOGS:
        raise Http404
    return logs.LOGS[tab]


def _query(request: HttpRequest) -> QueryDict:
    """The address of the log as it was looked at, which the form hands back."""
    return QueryDict(request.POST.get("query", ""))


def _back(request: HttpRequest, delivery: Delivery, tab: str) -> HttpResponse:
    query = _query(request).urlencode()
    where = reverse("reporting:window", args=[delivery.pk, tab])
    return redirect(f"{where}?{query}" if query else where)
