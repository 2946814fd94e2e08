"""The alerts that a person may see, and how they want to be told."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.desk import person
from alerts import choices
from alerts.forms import ChoicesForm
from alerts.models import Alert
from campaign.lib import clock
from campaign.lib.keyset import key_page


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The alerts about deliveries that the person may see, newest first: those that are open, or all."""
    user = person(request)
    wants_all = request.GET.get("show") == "all"
    rows = Alert.objects.visible_to(user).select_related("delivery__unit")
    page = key_page(
        rows if wants_all else rows.open(), before=request.GET.get("before"), after=request.GET.get("after")
    )
    notices = choices.told_to(user).filter(alert__in=[alert.pk for alert in page.rows], seen_at=None)
    context = {
        "page": page,
        "wants_all": wants_all,
        "new": set(notices.values_list("alert_id", flat=True)),
    }
    return render(request, "alerts/list.html", context)


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """All that the person was told of is seen."""
    choices.mark_seen(by=person(request), at=clock.now())
    return redirect("alerts:list")


@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """How the person is told, by condition."""
    user = person(request)
    form = ChoicesForm(request.POST or None, chosen=choices.of(user))
    if request.method == "POST" and form.is_valid():
        choices.save(by=user, chosen=form.chosen)
        messages.success(request, _t("Your choices are saved."))
        return redirect("alerts:choices")
    return render(request, "alerts/choices.html", {"form": form})
