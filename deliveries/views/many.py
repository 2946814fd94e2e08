"""One step for the deliveries chosen in the list: duplicate, delete drafts, move, put in a folder, compare."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from campaign.lib import clock, numbers
from campaign.lib.refusals import Refusal
from deliveries.drafting import is_deletable, many
from deliveries.drafting.many import Outcome
from deliveries.forms.folders import PlaceForm
from deliveries.models import Delivery
from deliveries.views.shared import page, person

TOLD = 10  # refusals that are shown; the audit trail has them all


@require_POST
def chosen(request: HttpRequest) -> HttpResponse:
    """Do to each chosen delivery what was asked for; all but a copy asks once more. Refusals are said by name.

    Raise access.NotAllowed where the person may prepare nothing in the unit to move to.
    """
    found = _chosen(request)
    action = request.POST.get("action", "")
    if not found:
        messages.warning(request, _t("No delivery was chosen."))
        return redirect("deliveries:list")
    if action == "delete" and "sure" not in request.POST:
        deletable = [one for one in found if is_deletable(one)]
        return page(request, "delete_many", {"deletable": deletable, "stay": len(found) - len(deletable)})
    if action == "move" and not request.POST.get("unit"):
        return page(request, "move_many", {"chosen": found, "units": _units(request)})
    if action == "compare":
        chosen = urlencode({"delivery": [one.pk for one in found]}, doseq=True)
        return redirect(f"{reverse('reporting:report-on', args=['comparison'])}?{chosen}")
    if action == "place" and "placed" not in request.POST:
        return page(request, "place_many", {"chosen": found, "form": PlaceForm(by=person(request))})
    try:
        _tell(request, action, _done(request, action, found))
    except Refusal as refusal:
        if isinstance(refusal, access.NotAllowed):
            raise
        messages.error(request, str(refusal))
    return redirect("deliveries:list")


def _chosen(request: HttpRequest) -> list[Delivery]:
    """The chosen deliveries that the person may see; of very many one more than may be taken at a time."""
    keys = [
        key for text in request.POST.getlist("pk")[: many.MOST + 1] if (key := numbers.key(text)) is not None
    ]
    rows = Delivery.objects.visible_to(person(request)).filter(pk__in=keys)
    return list(rows.select_related("unit", "preparation").order_by("pk"))


def _done(request: HttpRequest, action: str, found: Sequence[Delivery]) -> Outcome:
    by = person(request)
    if action == "duplicate":
        return many.duplicate(deliveries=found, by=by)
    if action == "delete":
        return many.delete(deliveries=found, by=by)
    if action == "place":
        form = PlaceForm(request.POST, by=by)
        if not form.is_valid():
            messages.warning(request, _t("There is no such folder any more."))
            return Outcome()
        return many.place(deliveries=found, folder=form.cleaned_data["folder"], by=by)
    unit = access.readable_unit(by, request.POST.get("unit")) if action == "move" else None
    if unit is None:
        messages.warning(request, _t("Say what is to be done; to move, say where to."))
        return Outcome()
    return many.move(deliveries=found, unit=unit, by=by, at=clock.now())


def _units(request: HttpRequest) -> list[OrganizationalUnit]:
    """The units that the person may prepare deliveries in."""
    return list(access.units(person(request), Right.PREPARE).order_by("path"))


def _tell(request: HttpRequest, action: str, outcome: Outcome) -> None:
    n = len(outcome.done)
    if n and action == "duplicate":
        text = ngettext(
            "%(n)s copy was made. It has no date.", "%(n)s copies were made. They have no date.", n
        )
        messages.success(request, text % {"n": n})
    elif n and action == "delete":
        text = ngettext("%(n)s delivery was deleted.", "%(n)s deliveries were deleted.", n)
        messages.success(request, text % {"n": n})
    elif n and action == "place":
        text = ngettext("%(n)s delivery was put there.", "%(n)s deliveries were put there.", n)
        messages.success(request, text % {"n": n})
    elif n:
        text = ngettext("%(n)s delivery was moved.", "%(n)s deliveries were moved.", n)
        messages.success(request, text % {"n": n})
    for delivery, refusal in outcome.refused[:TOLD]:
        messages.error(request, f"{delivery.name}: {refusal}")
    if (rest := len(outcome.refused) - TOLD) > 0:
        text = ngettext("%(n)s more was refused.", "%(n)s more were refused.", rest)
        messages.error(request, text % {"n": rest})
