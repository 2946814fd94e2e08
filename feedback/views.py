"""The public face: nobody signs in here, and what a token does not say is not told."""

import json
import logging
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.people import signing_in
from audiences import addresses, tracking
from audiences.models import Profile
from audiences.tracking import Tracked
from campaign.lib import clock
from campaign.lib.tokens import BadToken, Claim, Purpose, default_signer
from deliveries.content.message.render import RenderError
from deliveries.ledger import addressees
from deliveries.models import pictures
from feedback import outage, unsubscribes
from feedback.hits.arrivals import IncomingHit
from feedback.hits.storing import Landed, store
from feedback.models import HitKind
from feedback.public import link_cache, message_values, pages, proof_pages
from feedback.public.link_cache import Served
from feedback.readers import signs
from feedback.subscribing import again

logger = logging.getLogger(__name__)

_MESSAGE = f"""
SELECT m.values, m.profile_id, m.address, m.tracked & {tracking.not_refused("m.profile_id")}
FROM deliveries_message m WHERE m.delivery_id = %s AND m.seq = %s
"""
PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
IMAGE_TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}
KEPT_FOR_EVER = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}

# A mirror page is an author's: it may look like anything, its links open, and no script runs.
MIRROR_PAGE = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation;"
    " default-src 'none'; img-src * data:; style-src * 'unsafe-inline'; font-src * data:; media-src *;"
    " base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Letter:
    """One recipient's message, as far as it can be told now."""

    claim: Claim
    delivery: Served
    values: dict[str, Any]
    profile_id: int | None = None
    address: str = ""
    is_known: bool = False  # its row was read
    tracked: int = 0  # what may be measured, as far as that is known
    is_gone: bool = False  # it was looked for, and there is none any more


@pages.public
@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The pixel: a transparent picture of 43 octets."""
    claim = _claim(token, Purpose.OPEN)
    if claim is None:
        return pages.no_such_page(request, token)
    _record(request, claim, HitKind.OPEN)
    return HttpResponse(PIXEL, content_type="image/gif")


@pages.public
@require_safe
def clicked(request: HttpRequest, token: str) -> HttpResponse:
    """On to the link's address, filled in with this recipient's values; only ever to one that was sealed."""
    claim = _claim(token, Purpose.CLICK)
    if claim is None:
        return pages.no_such_page(request, token)
    delivery = link_cache.delivery_for(claim.delivery_key)
    if delivery is None:
        return pages.gone(request)
    address = _address(delivery, claim)
    if address is None:
        return pages.over(request) if delivery.is_over else pages.gone(request)
    _record(request, claim, HitKind.CLICK)
    # A compiled address is ASCII and has its author's scheme and host; Django's redirect would encode more of it than a
    # browser does, and read it once more.
    return HttpResponse(status=302, headers={"Location": address})


@pages.public
@require_safe
def mirror(request: HttpRequest, token: str) -> HttpResponse:
    """The message as a page, made anew from what was sealed by the code that sent it."""
    claim = _claim(token, Purpose.MIRROR)
    if claim is None:
        return pages.no_such_page(request, token)
    if proof_pages.is_of_a_proof(claim):
        return _proof(request, proof_pages.mirror(claim))
    letter = _letter(claim)
    if letter is None:
        return pages.gone(request)
    if letter.is_gone:
        return pages.gone(request)
    if not letter.is_known:
        return pages.later(request)
    renderer = letter.delivery.renderer.tracked(
        opens=bool(letter.tracked & Tracked.OPENS), clicks=bool(letter.tracked & Tracked.CLICKS)
    )
    try:
        if renderer.compiled.html:
            response = HttpResponse(renderer.html(seq=claim.seq, values=letter.values))
            response.headers["Content-Security-Policy"] = MIRROR_PAGE
        else:
            text = renderer.text(seq=claim.seq, values=letter.values)
            response = pages.page(request, "mirror_text", {"text": text})
    except RenderError:
        return pages.gone(request)
    _record(request, claim, HitKind.MIRROR)
    return response


@csrf_exempt  # the token is what says that it is this reader; mail programs post without any cookie (RFC 8058)
@pages.public
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button. Looking at it changes nothing; a POST opts out, at once for a mail program's."""
    claim = _claim(token, Purpose.UNSUBSCRIBE)
    if claim is None:
        return pages.no_such_page(request, token)
    is_one_click = request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click"
    if proof_pages.is_of_a_proof(claim):
        return proof_pages.one_click() if is_one_click else pages.own(proof_pages.unsubscribe(claim))
    if is_one_click:
        return _one_click(request, claim)
    letter = _letter(claim)
    if letter is None:
        return pages.gone(request)
    profile = _profile(letter)
    with translation.override(unsubscribes.language_of(profile)):
        if request.method != "POST":
            is_out = profile is not None and unsubscribes.has_left(
                profile_id=profile.pk, delivery_id=letter.delivery.delivery_id
            )
            return _unsubscribe_page(request, letter, "done" if is_out else "ask")
        if request.POST.get("action") == "undo":
            return _undo(request, letter, profile)
        landed = _record(request, claim, HitKind.UNSUBSCRIBE)
        if landed is Landed.LOST:  # the one thing that must not be said to be done when it is not
            return pages.later(request)
        if request.POST.get("action") == "all":
            _leave_all(request, letter)
        return _unsubscribe_page(request, letter, "done", may_undo=landed is Landed.STORED)


def _one_click(request: HttpRequest, claim: Claim) -> HttpResponse:
    if link_cache.delivery_for(claim.delivery_key) is None:
        return pages.gone(request)
    if _record(request, claim, HitKind.UNSUBSCRIBE) is Landed.LOST:
        return pages.later(request)
    return HttpResponse("OK\n", content_type="text/plain")


@login_not_required
@require_safe
def picture(request: HttpRequest, sha256: str, extension: str) -> HttpResponse:
    """A picture of a content, by its fingerprint: it never changes, so it may be kept for ever."""
    asset = pictures.served(sha256)
    if asset is None or asset.media_type not in IMAGE_TYPES:
        return pages.no_such_page(request)
    etag = f'"{sha256}"'
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(bytes(asset.data), content_type=asset.media_type)
    for name, value in KEPT_FOR_EVER.items():
        response.headers[name] = value
    response.headers["ETag"] = etag
    return response


def _address(delivery: Served, claim: Claim) -> str | None:
    """Where a link leads its reader: where its author said instead, once it is over or can't be filled in.

    None where it leads nowhere any more. Raises Away where that hangs on a row that can't be read now, and nothing
    was said instead: without it the address would be another one.
    """
    substitute = delivery.substitutes.get(claim.link)
    if delivery.is_over:
        return substitute
    if claim.link in delivery.fixed:
        return delivery.fixed[claim.link]
    try:
        values = message_values.values_of(delivery.delivery_id, claim.seq)
    except outage.Away:
        if substitute is None:
            raise
        return substitute
    if values is None:
        return substitute
    try:
        return delivery.renderer.link_url(claim.link, values)
    except (RenderError, IndexError):
        return substitute


def _row(delivery: Served, claim: Claim) -> tuple[dict[str, Any], int | None, str, int] | None:
    """What a message's row says: values, profile, address, what may be measured; None where it is gone. Raise Away.

    Said in SQL: to write this statement anew for each reader would cost ten times what it costs to run it.
    """
    with outage.reach(), connection.cursor() as cursor:
        cursor.execute(_MESSAGE, [delivery.delivery_id, claim.seq])
        row = cursor.fetchone()
    return (json.loads(row[0]), *row[1:]) if row is not None else None


def _claim(token: str, purpose: Purpose) -> Claim | None:
    try:
        return default_signer().read(token, purpose)
    except BadToken:
        return None


def _letter(claim: Claim) -> Letter | None:
    """The message that a token speaks of; None if the delivery is gone, or was never sent.

    With the database away its row is not known, and neither are its values.
    Raises Away if the delivery is not known here either.
    """
    delivery = link_cache.delivery_for(claim.delivery_key)
    if delivery is None:
        return None
    try:
        row = _row(delivery, claim)
        with outage.reach():
            profile_id = None if row is not None else addressees.addressee(delivery.delivery_id, claim.seq)
    except outage.Away:
        return Letter(claim, delivery, {})
    if row is None:
        return Letter(claim, delivery, {}, profile_id, is_gone=True)
    values, profile_id, address, tracked = row
    if not address:  # whoever it was written to was erased
        return None
    return Letter(claim, delivery, values, profile_id, address, is_known=True, tracked=tracked)


def _record(request: HttpRequest, claim: Claim, kind: HitKind) -> Landed:
    """Record the hit and return what became of it; nothing that fails keeps the reader from where they wanted to go."""
    try:
        return store(IncomingHit.of(claim, kind, signs.of(request.META)))
    except Exception:
        logger.exception("a hit is lost")
        return Landed.LOST


def _profile(letter: Letter) -> Profile | None:
    if letter.profile_id is None:
        return None
    try:
        with outage.reach():
            return Profile.objects.filter(pk=letter.profile_id).first()
    except outage.Away:
        return None


def _leave_all(request: HttpRequest, letter: Letter) -> None:
    """Not the delivery's service alone, but all mail. Raise Away, so that it is not said to be done."""
    with outage.reach("recording"):
        unsubscribes.opt_out_of_all(
            delivery_id=letter.delivery.delivery_id,
            seq=letter.claim.seq,
            at=clock.now(),
            network=signing_in.network(request),
        )


def _undo(request: HttpRequest, letter: Letter, profile: Profile | None) -> HttpResponse:
    """By a mail to the address alone: who holds this link may not be whom it was written to. Raise Away."""
    if not letter.is_known:
        _row(letter.delivery, letter.claim)  # which raises where the database is away
    if profile is None:
        return _unsubscribe_page(request, letter, "done", may_undo=False)
    with outage.reach("recording"):
        service = unsubscribes.left_service(profile_id=profile.pk, delivery_id=letter.delivery.delivery_id)
        again.ask(request, profile=profile, service=service, address=letter.address or profile.email)
    return _unsubscribe_page(request, letter, "asked", may_undo=False)


def _unsubscribe_page(
    request: HttpRequest, letter: Letter, state: str, *, may_undo: bool | None = None
) -> HttpResponse:
    if may_undo is None:
        may_undo = state == "done" and letter.is_known and letter.profile_id is not None
    claim = letter.claim
    context = {
        "state": state,
        "may_undo": may_undo,
        "address": addresses.masked(letter.address),
        "sender": letter.delivery.renderer.from_name(values=letter.values),
        "service": _service_name(letter),
        "preferences": default_signer().sign(Purpose.UNSUBSCRIBE, claim.delivery_key, claim.seq)
        if letter.profile_id is not None
        else "",
    }
    return pages.page(request, "unsubscribe", context)


def _service_name(letter: Letter) -> str:
    """The name that readers see of what an unsubscribe link leaves; empty where that is all mail, or not known now."""
    if not (letter.is_known or letter.is_gone):
        return ""
    try:
        with outage.reach():
            service = unsubscribes.service_of(letter.delivery.delivery_id)
    except outage.Away:
        return ""
    return service.public_name if service else ""


def _proof(request: HttpRequest, page: str | None) -> HttpResponse:
    """A proof's page, which may look like anything, as a mirror page may."""
    if page is None:
        return pages.gone(request)
    response = HttpResponse(page)
    response.headers["Content-Security-Policy"] = MIRROR_PAGE
    return response
