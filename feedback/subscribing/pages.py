"""Sign up for a service, and confirm by the link of a mail. No answer tells whether an address is known."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.people import signing_in
from audiences import addresses, tracking
from audiences.consent import sign_ups
from audiences.models import Service, ServiceText, SignUp
from audiences.services import texts
from campaign.lib import clock
from campaign.lib.tokens import BadToken, Purpose, default_signer
from feedback import outage, queues
from feedback.public.pages import public
from feedback.subscribing import bots
from feedback.subscribing.answering import nowhere, page

ADDRESS = "email"
STAMP = "shown"
LONGEST_ADDRESS = 320


@csrf_exempt  # it is sent from pages of others too, by readers who are signed in nowhere
@public
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest, key: str) -> HttpResponse:
    """The form, and what is sent with it. A form on a page of others comes here first, and is shown once more."""
    with outage.reach():
        service = Service.objects.select_related("text", "unit").filter(key=key).first()
    if service is None:
        return nowhere(request)
    if not service.takes_sign_ups:
        return page(request, "sign_up_closed", {"name": service.public_name}, status=410)
    if request.method != "POST":
        return _form(request, service)
    with outage.reach("recording"):
        if not bots.is_within_limits(request):
            return page(request, "sign_up_slowly", status=429)
        return _sent(request, service)


def _form(
    request: HttpRequest,
    service: Service,
    *,
    address: str = "",
    hint: str = "",
    stamp: str = "",
    status: int = 200,
) -> HttpResponse:
    assert service.text is not None
    service.text.service = service
    language, words = texts.in_language(service.text, translation.get_language() or "")
    context = {
        "name": service.public_name,
        "words": words,
        "language": language,
        "address": address,
        "hint": hint,
        "stamp": stamp or bots.stamp(service=service.key, text_id=service.text.pk),
    }
    return page(request, "sign_up", context, status=status)


def _sent(request: HttpRequest, service: Service) -> HttpResponse:
    address = request.POST.get(ADDRESS, "").replace("\0", "").strip()
    if request.POST.get(bots.BAIT, "").strip():
        return _thanks(request, service)  # a program's, and it is not told
    if len(address) > LONGEST_ADDRESS or not addresses.is_good(address):
        return _form(request, service, address=address[:LONGEST_ADDRESS], hint="address", status=400)
    stamped = request.POST.get(STAMP, "")
    shown = bots.shown(stamped, service=service.key)
    text = ServiceText.objects.filter(service=service, pk=shown.text_id).first() if shown else None
    if shown is None or text is None:
        return _form(request, service, address=address, hint="once_more")
    if shown.is_too_soon:
        return _form(request, service, address=address, hint="once_more", stamp=stamped)
    _ask(request, service, text, address)
    return _thanks(request, service)


@transaction.atomic
def _ask(request: HttpRequest, service: Service, text: ServiceText, address: str) -> None:
    sign_ups.ask(
        service=service,
        text=text,
        address=address,
        language=translation.get_language() or "",
        network=signing_in.network(request),
        at=clock.now(),
    )
    # Asked for whether or not a mail leaves: the answer takes no longer for the one than for the other.
    queues.SIGN_UPS.enqueue(job_id="sign-ups")


def _thanks(request: HttpRequest, service: Service) -> HttpResponse:
    return page(request, "signed_up", {"name": service.public_name, "double_opt_in": service.double_opt_in})


@csrf_exempt  # the token is what says that it is whoever got the mail
@public
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button. Looking at it changes nothing: scanners of mail look at every link."""
    found = of_token(token, Purpose.CONFIRM)
    if found is None:
        return nowhere(request)
    with translation.override(found.language or translation.get_language()):
        if request.method != "POST":
            return page(request, "confirm_sign_up", _said(found, "done" if found.confirmed_at else "ask"))
        with outage.reach("recording"):
            try:
                found = sign_ups.confirm(sign_up=found, network=signing_in.network(request), at=clock.now())
            except sign_ups.NoLongerOpen:
                return page(request, "confirm_sign_up", _said(found, "ended"), status=410)
        return page(request, "confirm_sign_up", _said(found, "done"))


def _said(found: SignUp, state: str) -> dict[str, Any]:
    return {
        "state": state,
        "name": found.service.public_name if found.service else "",
        "measured": tracking.labels(found.tracking),
        "service_key": found.service.key if found.service and found.service.takes_sign_ups else "",
        "preferences": default_signer().sign(Purpose.PREFERENCES, found.key, 0) if found.confirmed_at else "",
    }


def of_token(token: str, purpose: Purpose) -> SignUp | None:
    """What a token speaks of; None where it is not ours. Raise Away."""
    try:
        claim = default_signer().read(token, purpose)
    except BadToken:
        return None
    with outage.reach():
        rows = SignUp.objects.select_related("service", "text", "profile")
        return rows.filter(key=claim.delivery_key).first()
