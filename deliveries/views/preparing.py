"""Preparing, stopping a preparation, and proofs."""

from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.rights import Right
from accounts.units import proof_addresses
from campaign.lib import clock
from deliveries import proofs
from deliveries.forms.proof import SendProof
from deliveries.models import Delivery, Proof
from deliveries.overview import diagnosis
from deliveries.preparation import verbs as preparation
from deliveries.views.shared import find, page, person, to_dashboard, told

LONGEST_QUERY = 500


@require_POST
def prepare(request: HttpRequest, pk: int) -> HttpResponse:
    """Start a preparation; the dashboard shows how far it is."""
    delivery = find(request, pk)
    with told(request, delivery, action="prepare"):
        preparation.start(delivery=delivery, by=person(request), at=clock.now())
    return to_dashboard(request, delivery)


@require_POST
def stop_preparation(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop the preparation and return to Editing; nothing of it is kept."""
    delivery = find(request, pk)
    with told(request, delivery, action="stop_preparation"):
        preparation.stop(delivery=delivery, by=person(request), at=clock.now())
        messages.info(request, _t("The preparation was stopped. Nothing of it is left."))
    return to_dashboard(request, delivery)


@require_http_methods(["GET", "HEAD", "POST"])
def proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the content as it is now to test addresses; it is counted nowhere."""
    delivery = find(request, pk)
    access.require(person(request), Right.PREPARE, delivery)
    prefix = _t(proofs.PREFIX) % {"number": delivery.proofs.count() + 1}
    form = SendProof(request.POST or None, user=person(request), initial={"prefix": prefix})
    if request.method == "POST" and form.is_valid():
        with told(request, delivery, action="send_proof"):
            sent = _send(request, delivery, form)
            messages.success(request, _t("Proof %(number)s is on its way.") % {"number": sent.number})
            return _back(request, delivery)
    earlier = delivery.proofs.select_related("by", "content").prefetch_related("messages")[:10]
    return page(
        request,
        "proof",
        {
            "form": form,
            "delivery": delivery,
            "proofs": earlier,
            "closed": diagnosis.closed(delivery),
            "allowed": proof_addresses.words(delivery.unit),
        },
    )


def _send(request: HttpRequest, delivery: Delivery, form: SendProof) -> Proof:
    return proofs.send(
        delivery=delivery,
        by=person(request),
        at=clock.now(),
        **form.order,
        # From the page of a preview there is no field for it, and the usual one holds.
        prefix=form.cleaned_data["prefix"] if "prefix" in request.POST else None,
    )


def _back(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    """To the preview that it was sent from, or to the dashboard."""
    asked = parse_qsl(request.POST.get("preview", "")[:LONGEST_QUERY])
    if "preview" not in request.POST:
        return to_dashboard(request, delivery)
    return redirect(f"{reverse('deliveries:preview', args=[delivery.pk])}?{urlencode(asked)}")
