"""The second step of the confirmation, and what may follow: take back, pause, resume, stop."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import number_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from campaign.lib import clock, numbers
from deliveries import lifecycle
from deliveries.confirmation import decisions as confirmation
from deliveries.confirmation.decisions import CountMistyped
from deliveries.content.findings import Finding
from deliveries.models import Delivery
from deliveries.overview import diagnosis
from deliveries.routing import limits
from deliveries.sending import control
from deliveries.sending.control import waves
from deliveries.series import calendar
from deliveries.views.shared import find, page, person, to_dashboard, told


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Show everything that OK will bind; OK posts the seal that was shown."""
    delivery = find(request, pk)
    if request.method == "POST":
        return _confirmed(request, delivery)
    with told(request, delivery):
        question = confirmation.question(delivery=delivery, by=person(request), at=clock.now())
        context = {
            "delivery": delivery,
            "upcoming": calendar.of_delivery(delivery, at=clock.now()),
            "question": question,
            "causes": delivery.latest_preparation().cause_rows,
            "warnings": [Finding.from_dict(warning) for warning in question.warnings],
            "approval": delivery.latest_preparation()
            .approvals.filter(accepted=True)
            .select_related("by")
            .first(),
            "closed": diagnosis.closed(delivery),
            "no_worker_runs": [one.text for one in diagnosis.without_workers(delivery)],
            "now": clock.now(),
        }
        return page(request, "confirm", context)
    return to_dashboard(request, delivery)


def _confirmed(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    asked_again = False
    with told(request, delivery, action="confirm"):
        try:
            confirmation.confirm(
                delivery=delivery,
                seal=request.POST.get("seal", ""),
                by=person(request),
                at=clock.now(),
                typed=numbers.whole(request.POST.get("typed", "")),
            )
        except CountMistyped:
            asked_again = True
            raise
        messages.success(
            request,
            _t("Active: each run is prepared ahead of its time.")
            if delivery.is_recurring
            else _t("Confirmed."),
        )
    return redirect("deliveries:confirm", delivery.pk) if asked_again else to_dashboard(request, delivery)


def _one_step(verb: Callable[..., Any], action: str, said: Any) -> Callable[..., HttpResponse]:
    """Return a view that takes one step by POST and leads back to the dashboard."""

    @require_POST
    def step(request: HttpRequest, pk: int) -> HttpResponse:
        delivery = find(request, pk)
        with told(request, delivery, action=action):
            verb(delivery=delivery, by=person(request), at=clock.now())
            messages.success(request, str(said))
        return to_dashboard(request, delivery)

    return step


take_back = _one_step(
    confirmation.take_back, "take_back", _("The confirmation is taken back. Nothing was sent.")
)
pause = _one_step(control.pause, "pause", _("Paused. What was on its way comes to its end."))
resume = _one_step(control.resume, "resume", _("It goes on from where it paused."))

release_wave = _one_step(
    waves.release,
    "release_wave",
    _("The wave may leave; those behind it follow, and are judged again."),
)


@require_POST
def limit(request: HttpRequest, pk: int) -> HttpResponse:
    """Set how many messages leave in an hour at most; with an empty field the delivery has no limit of its own."""
    delivery = find(request, pk)
    with told(request, delivery, action="set_limit"):
        typed = request.POST.get("limit_per_hour", "")
        at_most = limits.set_limit(delivery=delivery, per_hour=typed, by=person(request), at=clock.now())
        said = _t("At most %(limit)s messages an hour leave from now on.") % {
            "limit": number_format(at_most, 0, force_grouping=True) if at_most else ""
        }
        messages.success(request, said if at_most else _t("It has no limit of its own any more."))
    return to_dashboard(request, delivery)


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """By GET show what has left and what never will, and ask; by POST end the send for good."""
    delivery = find(request, pk)
    with told(request, delivery, action="stop"):
        if request.method != "POST":
            lifecycle.check(delivery, control.stopping(delivery), by=person(request))
            return page(request, "stop", {"delivery": delivery, "before": control.before_stopping(delivery)})
        stopped = control.stop(delivery=delivery, by=person(request), at=clock.now())
        ended = _t("The series has ended: there are no more runs.")
        messages.warning(request, ended if delivery.is_recurring else _what_stopped(stopped))
    return to_dashboard(request, delivery)


def _what_stopped(stopped: control.Stopped) -> str:
    left = ngettext("%(n)s message had left", "%(n)s messages had left", stopped.left) % {"n": stopped.left}
    never = ngettext("%(n)s never will", "%(n)s never will", stopped.cancelled) % {"n": stopped.cancelled}
    return " ".join([_t("Stopped: %(left)s, %(never)s.") % {"left": left, "never": never}, *stopped.remarks])
