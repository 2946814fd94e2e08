"""What one is subscribed to, and what is measured. A no takes effect at once; a yes takes a mail to the address.

Whoever holds a mail that was forwarded can leave for its reader, as by any link of the kind, and undo nothing.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.people import signing_in
from audiences import addresses, tracking
from audiences.consent import consents, tracking_consents
from audiences.models import Profile, Service, Subscription
from audiences.quarantine import suppression
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from campaign.lib import clock, numbers
from campaign.lib.tokens import BadToken, Purpose, default_signer
from deliveries.ledger import addressees
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Message
from feedback import outage, unsubscribes
from feedback.public.pages import public
from feedback.subscribing import again
from feedback.subscribing.answering import nowhere, page
from feedback.subscribing.pages import of_token

SOURCE = "preference_page"
LEAVE, LEAVE_ALL, AGAIN, AGAIN_ALL = "leave", "leave_all", "again", "again_all"
TRACK, UNTRACK = "track", "untrack"


@dataclass(frozen=True)
class Reader:
    """Whose page it is, the address that their mail went to, and by what they came."""

    profile: Profile
    address: str
    reference: str


@csrf_exempt  # the token is what says whose it is
@public
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """What one is subscribed to, with a button for each. Looking at it changes nothing."""
    reader = _reader(token)
    if reader is None:
        return nowhere(request)
    with translation.override(unsubscribes.language_of(reader.profile)):
        said = ""
        if request.method == "POST":
            with outage.reach("recording"):
                said = _done(request, reader)
        with outage.reach():
            context = _shown(reader)
        return page(request, "preferences", context | {"said": said})


def _reader(token: str) -> Reader | None:
    """By the link of a message, or by that of a confirmation; None for what is not ours, or whom nobody knows."""
    sign_up = of_token(token, Purpose.PREFERENCES)
    if sign_up is not None and sign_up.profile is not None and sign_up.confirmed_at is not None:
        return Reader(sign_up.profile, sign_up.address, f"sign-up {sign_up.pk}")
    try:
        claim = default_signer().read(token, Purpose.UNSUBSCRIBE)
    except BadToken:
        return None
    with outage.reach():
        begun = Delivery.objects.filter(key=claim.delivery_key, status__in=groups.BEGUN)
        delivery_id = begun.values_list("pk", flat=True).first()
        if delivery_id is None:
            return None
        rows = Message.objects.filter(delivery_id=delivery_id, seq=claim.seq)
        row = rows.values_list("profile_id", "address").first()
        known = row[0] if row else addressees.addressee(delivery_id, claim.seq)
        profile = Profile.objects.filter(pk=known).first() if known else None
    if profile is None:
        return None
    return Reader(profile, row[1] if row else profile.email, unsubscribes.reference(delivery_id))


@transaction.atomic
def _done(request: HttpRequest, reader: Reader) -> str:
    """What the button that was pressed has done: the name of what is said of it, or nothing."""
    action, network, at = request.POST.get("action", ""), signing_in.network(request), clock.now()
    origin = Origin(at, SOURCE, reference=reader.reference, network=network)
    service = _service(request, reader)
    if action == LEAVE and service is not None:
        subscribing.leave(service=service, profile_id=reader.profile.pk, origin=origin)
    elif action == LEAVE_ALL:
        consents.opt_out(
            profile_id=reader.profile.pk, channel=consents.Channel.EMAIL, at=at, source=SOURCE,
            reference=reader.reference, network=network,
        )  # fmt: skip
    elif action == UNTRACK:
        tracking_consents.say(
            profile_id=reader.profile.pk, purposes=dict.fromkeys(_purposes(request), False), origin=origin
        )
        reader.profile.refresh_from_db()
    elif action == TRACK:
        again.ask(
            request, profile=reader.profile, service=None, address=reader.address, tracking=_purposes(request)
        )
    elif action == AGAIN_ALL or (action == AGAIN and service is not None and service.takes_sign_ups):
        wanted = service if action == AGAIN else None
        again.ask(request, profile=reader.profile, service=wanted, address=reader.address)
    else:
        return ""
    return action


def _purposes(request: HttpRequest) -> list[str]:
    """The purpose that the button names, or without one both."""
    named = request.POST.get("purpose", "")
    return [named] if named in tracking.COLUMNS else list(tracking.Purpose.values)


def _service(request: HttpRequest, reader: Reader) -> Service | None:
    """The service that the button names: one that the reader is or was subscribed to."""
    key = numbers.key(request.POST.get("service", ""))
    had = Subscription.objects.filter(profile_id=reader.profile.pk, service_id=key) if key else None
    found = had.select_related("service__unit", "service__text").first() if had is not None else None
    return found.service if found else None


def _shown(reader: Reader) -> dict[str, Any]:
    rows = Subscription.objects.filter(profile_id=reader.profile.pk).select_related("service")
    rows = rows.order_by("service__public_name", "pk")
    return {
        "address": addresses.masked(reader.address),
        "subscribed": [row.service for row in rows if row.ended_at is None],
        "left": [row.service for row in rows if row.ended_at is not None and row.service.takes_sign_ups],
        "is_out": suppression.has_opted_out(reader.profile.pk),
        "measured": tracking.answers(reader.profile),
    }
