"""What became of a delivery: the Deployment block, the Deployment window with its logs, one message."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.desk import administers_everything, person
from accounts.edge.refused import told
from accounts.rights import Right
from audiences import sight
from audiences.models import Quarantine
from campaign.lib import clock
from deliveries.models import Delivery, Message, RetentionKind, SentAgain, Try
from deliveries.operations import reconciliation
from deliveries.overview import state
from deliveries.proofs import numbered
from feedback.models import Hit, Report
from reporting.counting import deployment, failures, statistics
from reporting.figures import counted, standing
from reporting.logs import columns, logs, saved_filters, walking
from reporting.pages import find, never_stored
from reporting.persons import as_sent
from reporting.reactions import click_map as drawing
from reporting.reactions import reaction_pages, reactions
from reporting.views import unknown_outcomes

TABS = {
    "log": _("Log"),
    "sending": _("Sending log"),
    "failures": _("Failures"),
    "unknown": _("Unknown outcomes"),
    "exclusions": _("Exclusion log"),
    "causes": _("Exclusion causes"),
    "clicks": _("Clicks and opens"),
    "tracking": _("Tracking log"),
    "urls": _("Tracked URLs"),
}
ROWS_OF = {
    "sending": RetentionKind.RECIPIENTS,
    "exclusions": RetentionKind.RECIPIENTS,
    "unknown": RetentionKind.RECIPIENTS,
    "tracking": RetentionKind.REACTIONS,
}
RECONCILED_HERE = 200_000  # messages; it takes a second or two
MAIL_SHOWN = 200_000  # octets
LAST_ANSWER = 286  # htmx asks no more
FAILURES_SHOWN = 5  # lines of each figure in the Deployment block; the window has all
OF_TRACKING = ("clicks", "tracking", "urls")
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src * data:;"
    " style-src * 'unsafe-inline'; font-src * data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@require_safe
def block(request: HttpRequest, pk: int) -> HttpResponse:
    """The Deployment block alone; as a page of its own for a browser without scripts."""
    delivery = find(request, pk)
    shown = deployment.block(delivery, at=clock.now())
    context = {"deployment": shown, "delivery": delivery}
    name = "_block" if request.htmx else "block"
    return never_stored(render(request, f"reporting/{name}.html", context))


@require_safe
def window(request: HttpRequest, pk: int, tab: str = "log") -> HttpResponse:
    """The Deployment window: one tab of it."""
    delivery = find(request, pk)
    context = _window(request, delivery, tab)
    if tab in logs.LOGS:
        log = logs.LOGS[tab]
        chosen = logs.chosen(log, request.GET)
        context |= {
            "log": log,
            "chosen": chosen,
            "page": _page(request, delivery, log, chosen),
        }
        context["span"] = [counted.moment(chosen.get(name, "")) for name in ("since", "until")]
        context["filters"] = [(choice, chosen.get(choice.name, "")) for choice in log.filters]
        context["saved"] = saved_filters.of(person(request), log)
        if tab == "tracking":
            context |= {"labels": _link_labels(delivery), "classes": statistics.by_class(delivery.pk)}
            context["may_reclassify"] = access.can(person(request), Right.ADMINISTER, delivery)
        if tab == "unknown":
            context |= unknown_outcomes.context(delivery, person(request))
    elif tab == "failures":
        context |= _failures(request, delivery)
        if request.htmx:
            context["lines_shown"] = ":" if "all" in request.GET else f":{FAILURES_SHOWN}"
            return never_stored(render(request, "reporting/_failures.html", context))
    elif tab == "causes":
        context |= {"causes": logs.causes(delivery), "prepared": delivery.preparation}
    elif tab == "clicks":
        context |= reaction_pages.context(delivery, person(request), request.GET, at=clock.now())
    else:
        context |= _links(request, delivery)
        if request.htmx:
            return _links_once_counted(request, context)
    return never_stored(render(request, f"reporting/{tab}.html", context))


@require_safe
def message(request: HttpRequest, pk: int, seq: int) -> HttpResponse:
    """One recipient: what became of their message, what they did with it, and the message as it was sent."""
    delivery = find(request, pk)
    row = _message(request, delivery, seq)
    context = _window(request, delivery, "sending") | {
        "message": row,
        "profile": sight.people(person(request)).filter(pk=row.profile_id).first(),
        "standing": _standing(row),
        "administers": administers_everything(request) and person(request).is_staff,
        "first_unknown": SentAgain.objects.filter(delivery=delivery, seq=seq).first(),
        "later_try": Try.objects.filter(delivery=delivery, seq=seq).first(),
        "hits": Hit.objects.filter(delivery=delivery, seq=seq).order_by("-id")[:100],
        "reports": Report.objects.filter(delivery=delivery, seq=seq, is_current=True)[:100],
        "labels": _link_labels(delivery),
        "as_sent": _as_sent(delivery, row),
        "sealed": as_sent.sealed(delivery, seq),
    }
    return never_stored(render(request, "reporting/message.html", context))


@require_safe
@xframe_options_sameorigin
def frame(request: HttpRequest, pk: int, seq: int) -> HttpResponse:
    """The message as sent, for a frame: made by the code that sends; looking at it here is counted nowhere.

    Raise Http404 for a recipient whose address the person may not see, or who was erased.
    """
    delivery = find(request, pk)
    row = _message(request, delivery, seq)
    if not row.is_clear or not row.address:
        raise Http404
    return _framed(render(request, "reporting/as_sent_frame.html", {"shown": _as_sent(delivery, row)}))


@require_safe
@xframe_options_sameorigin
def click_map(request: HttpRequest, pk: int) -> HttpResponse:
    """The message as it was sealed with the clicks at each link, for a frame; looking at it is counted nowhere.

    Raise Http404 where there is no such page, and for a recipient whom the person may not see.
    """
    delivery = find(request, pk)
    if not numbered.is_possible(delivery):
        raise Http404
    row = reaction_pages.recipient(delivery, person(request), request.GET)
    values = row.values if row is not None else {}
    look = standing.look(delivery, at=clock.now())
    links = reactions.uncounted(delivery) if look.must_wait else reactions.links(delivery, known=look.figures)
    html = drawing.drawn(delivery, links, values=values)
    return _framed(render(request, "reporting/click_map.html", {"html": html}))


@require_safe
def report(request: HttpRequest, pk: int, seq: int, report_id: int) -> HttpResponse:
    """Show the mail that reported something of a message; raise Http404 for whoever may not see the address."""
    delivery = find(request, pk)
    row = _message(request, delivery, seq)
    if not row.is_clear:
        raise Http404
    found = get_object_or_404(Report.objects.select_related("mail"), pk=report_id, delivery=delivery, seq=seq)
    octets = bytes(found.mail.raw)
    context = {
        "delivery": delivery,
        "message": row,
        "report": found,
        "text": octets[:MAIL_SHOWN].decode("utf-8", "replace"),
        "is_cut": len(octets) > MAIL_SHOWN,
    }
    return never_stored(render(request, "reporting/report.html", context))


@require_POST
def compute_stats(request: HttpRequest, pk: int) -> HttpResponse:
    """A recount is queued, and the window shows what it finds."""
    delivery = find(request, pk)
    statistics.ask(delivery=delivery, by=person(request), at=clock.now())
    messages.info(request, _t("The statistics are being recalculated from the logs."))
    return redirect("reporting:window", delivery.pk)


@require_safe
def reconcile(request: HttpRequest, pk: int) -> HttpResponse:
    """The independent counts, compared now; of a large delivery the command is named that does it.

    Raise Http404 for a delivery without sealed messages.
    """
    delivery = find(request, pk)
    if not reconciliation.has_books(delivery):
        raise Http404
    small = delivery.latest_preparation().to_deliver <= RECONCILED_HERE
    books = reconciliation.reconcile(delivery.pk) if small else None
    context = {
        "delivery": delivery,
        "books": books,
        "checks": reconciliation.CHECKS.items(),
        "gone": [books.gone] if books and books.gone else [],
    }
    return never_stored(render(request, "reporting/reconcile.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide about messages with unknown outcome: by GET ask again, with how many may get it twice; by POST decide.

    What a rule refuses is shown; Forbidden is raised for whoever may not decide at all.
    """
    delivery = find(request, pk)
    order = unknown_outcomes.order(request.POST if request.method == "POST" else request.GET)
    with told(request, delivery, action="decide_unknown"):
        if request.method != "POST":
            return never_stored(render(request, "reporting/decide.html", _question(request, delivery, order)))
        for level, text in unknown_outcomes.carry_out(order, delivery, by=person(request), at=clock.now()):
            messages.add_message(request, level, text)
    return redirect("reporting:window", delivery.pk, "unknown")


def _question(request: HttpRequest, delivery: Delivery, order: unknown_outcomes.Order) -> dict[str, Any]:
    question = unknown_outcomes.question(order, delivery, by=person(request), at=clock.now())
    return {"delivery": delivery, "order": order, "question": question}


@require_safe
def last_run(request: HttpRequest, pk: int) -> HttpResponse:
    """What the last recount found; looked at again while one is queued."""
    delivery = find(request, pk)
    return never_stored(render(request, "reporting/_run.html", {"delivery": delivery} | _run(delivery)))


# What they share


def _as_sent(delivery: Delivery, row: Any) -> as_sent.Shown | None:
    """The message of a marked row; None where its address may not be seen, or nothing is sealed any more."""
    archive = as_sent.archive(delivery) if row.is_clear and row.address else None
    return archive.shown(row.values) if archive else None


def _message(request: HttpRequest, delivery: Delivery, seq: int) -> Any:
    rows = Message.objects.filter(delivery=delivery, seq=seq)
    return get_object_or_404(sight.marked(rows, user=person(request), unit=delivery.unit))


def _standing(row: Any) -> Quarantine | None:
    """What is known against the address of a message, for whoever may see the person."""
    held = Quarantine.objects.exclude(status=Quarantine.Status.VALID)
    return held.filter(channel="email", address_key=row.address_key).first() if row.is_seen else None


def _window(request: HttpRequest, delivery: Delivery, tab: str) -> dict[str, Any]:
    if tab not in TABS:
        raise Http404
    state.annotate([delivery])
    gone = list(delivery.purges.select_related("unit").order_by("id"))
    shown = [(code, label) for code, label in TABS.items() if delivery.tracking or code not in OF_TRACKING]
    return (
        {
            "delivery": delivery,
            "tab": tab,
            "tab_label": TABS[tab],
            "tabs": shown,
            "may_export": access.can(person(request), Right.EXPORT, delivery),
            "gone": gone,
            "gone_here": any(purge.kind == ROWS_OF.get(tab) for purge in gone),
        }
        | _columns(request, tab)
        | _run(delivery)
    )


def _links(request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
    """The tracked URLs; of a large delivery as they were counted last, or their counts come with another request."""
    look = standing.look(delivery, at=clock.now())
    if look.must_wait and "counts" not in request.GET:
        return {"links": reactions.uncounted(delivery), "counts_follow": True, "look": look}
    return {"links": reactions.links(delivery, known=look.figures), "look": look}


def _page(request: HttpRequest, delivery: Delivery, log: logs.Log, chosen: dict[str, str]) -> logs.Page:
    """One page; of the sending log it looks only so far, and further for who waits for it by itself."""
    rows = log.rows(delivery, chosen, person(request))
    if log.code != "sending" or not walking.is_walked(chosen):
        return logs.page(log, rows, request.GET)
    return walking.page(delivery, rows, chosen, request.GET, further=walking.FURTHER if request.htmx else 1)


def _failures(request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
    """Why messages failed; of a large delivery as it was counted last, or nothing before that."""
    look = standing.look(delivery, at=clock.now(), of=standing.FAILURES)
    if look.must_wait:
        return {"look": look}
    found = failures.failures(delivery, user=person(request), known=look.figures)
    return {"look": look, "failures": found}


def _links_once_counted(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """For a page that asks until they are counted: nothing yet, or the last answer."""
    if context.get("counts_follow"):
        return never_stored(HttpResponse(status=204))
    return never_stored(render(request, "reporting/_urls.html", context, status=LAST_ANSWER))


def _columns(request: HttpRequest, tab: str) -> dict[str, Any]:
    if tab not in columns.BY_LOG:
        return {}
    offered = columns.offered(person(request), tab)
    shown = {column.name for column, is_shown in offered if is_shown} | {columns.ALWAYS[tab]}
    return {"columns": offered, "shown": shown}


def _run(delivery: Delivery) -> dict[str, Any]:
    run = statistics.last_run(delivery)
    return {"run": run, "figures": statistics.in_words(run) if run and not run.is_open else []}


def _link_labels(delivery: Delivery) -> dict[int, str]:
    compiled = delivery.preparation.compiled if delivery.preparation else {}
    return {link["index"]: link["label"] or link["url"] for link in compiled.get("links", [])}


def _framed(response: HttpResponse) -> HttpResponse:
    """What somebody wrote, shown in a frame in which nothing runs."""
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return never_stored(response)
