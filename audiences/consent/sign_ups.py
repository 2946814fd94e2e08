"""Somebody asks for mail to an address. Whoever reads the mail that goes there confirms it; nobody else can."""

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from audiences import addresses
from audiences.consent import consents, tracking_consents
from audiences.models import AddressOptOut, Profile, Quarantine, Service, ServiceText, SignUp, Subscription
from audiences.models.service import MOST_TRIES
from audiences.quarantine import erased_addresses, suppression, suppressions
from audiences.rules import targeting
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from campaign.lib import locking
from campaign.lib.refusals import Refusal

LASTS = timedelta(days=7)  # so long the link of a mail works
BETWEEN_MAILS = timedelta(days=1)  # to one mailbox
MOST_WAITING = 3  # mails to one mailbox that wait for their day

FORM, MAIL = "sign_up_form", "confirmed_by_mail"  # sources, as the consent log has them


class NotAnAddress(Refusal):
    message = _("This is no email address, as in ana@example.com.")
    code = "not_an_address"


class Closed(Refusal):
    message = _("“%(service)s” takes no sign-ups now.")
    code = "closed"


class NoLongerOpen(Refusal):
    message = _("This link has ended. Ask for a new mail, by the form.")
    code = "no_longer_open"


@transaction.atomic
def ask(
    *, service: Service, text: ServiceText, address: str, language: str, network: str, at: datetime
) -> SignUp | None:
    """Somebody asked for the service at this address, in the words of `text`: a mail there asks to confirm.

    None where no mail leaves for it: one did within a day, whoever has the address was erased, or the service asks
    for none, and then whoever has the address is subscribed, unless somebody said no there before. What is returned
    is for nobody but the caller's job: the answer on the page is the same. Raise NotAnAddress, and Closed where the
    service takes no sign-ups.
    """
    _state, key = addresses.read(address)
    if not key:
        raise NotAnAddress()
    if not service.takes_sign_ups:
        raise Closed(service=service.public_name)
    wait_for_others(key)
    if erased_addresses.among([key]):
        return None
    suppressions.hold_those_among([key], at=at, reference=f"service {service.pk}")
    if not service.double_opt_in and not _somebody_said_no(service, key):
        origin = Origin(at, FORM, reference=f"service {service.pk}", network=network, text=text)
        profile = _whose(service, address=address, key=key, language=language)
        ids = sql.SQL("SELECT {}::bigint").format(sql.Literal(profile.pk))
        subscribing.subscribe_many(service=service, profile_ids=ids, origin=origin)
        return None
    return _write(
        SignUp(
            service=service, text=text, address=address.strip(), language=language, network=network, at=at
        ),
        key,
    )


@transaction.atomic
def ask_again(
    *,
    profile: Profile,
    service: Service | None,
    address: str,
    language: str,
    network: str,
    at: datetime,
    tracking: Collection[str] = (),
) -> SignUp | None:
    """Whoever reads mail to this address may take back what was left: a service, or the opt-out of all mail.

    Or they allow that these purposes are measured, if any are named.
    None where no mail leaves for it: one did within a day, or the address can't get any.
    """
    _state, key = addresses.read(address)
    if not key:
        return None
    wait_for_others(key)
    if erased_addresses.among([key]):
        return None
    text = service.text if service is not None else None
    sign_up = SignUp(
        profile=profile,
        service=service,
        tracking=",".join(sorted(tracking)),
        text=text,
        address=address.strip(),
        language=language,
        network=network,
        at=at,
    )
    return _write(sign_up, key)


def _write(sign_up: SignUp, key: str) -> SignUp | None:
    """The mail waits for its day; None where one for the same is on its way, or too many wait."""
    sign_up.address_key, sign_up.mailbox = key, addresses.mailbox(key)
    if sign_up.mailbox != key:
        wait_for_others(sign_up.mailbox)
    earlier = SignUp.objects.filter(mailbox=sign_up.mailbox, mail_after__gt=sign_up.at - BETWEEN_MAILS)
    same = {"address_key": key, "service": sign_up.service, "tracking": sign_up.tracking}
    if earlier.filter(**same).exists():
        return None
    days = list(earlier.order_by("-mail_after").values_list("mail_after", flat=True))
    if sum(day > sign_up.at for day in days) >= MOST_WAITING:
        return None
    sign_up.mail_after = max(sign_up.at, days[0] + BETWEEN_MAILS) if days else sign_up.at
    sign_up.save(force_insert=True)
    return sign_up


def due(at: datetime) -> QuerySet[SignUp]:
    """The mails that should leave by now."""
    rows = SignUp.objects.filter(mailed_at=None, confirmed_at=None, tries__lt=MOST_TRIES)
    return rows.filter(mail_after__lte=at, at__gt=at - LASTS)


def may_be_mailed(sign_up: SignUp) -> bool:
    """Whether its address can be used at all. An opt-out is no obstacle: it is what the mail may be about."""
    rows = Quarantine.objects.filter(
        channel="email", address_key=sign_up.address_key, status__in=Quarantine.HELD
    )
    return not rows.exists()


@transaction.atomic
def confirm(*, sign_up: SignUp, network: str, at: datetime) -> SignUp:
    """Whoever got the mail has confirmed: they are subscribed, mail is taken again, or they may be measured.

    A second time changes nothing.

    Raise NoLongerOpen where the link has ended.
    """
    sign_up = locking.locked(SignUp.objects.all(), sign_up.pk)
    if sign_up.confirmed_at is not None:
        return sign_up
    if at > max(sign_up.at, sign_up.mail_after) + LASTS:
        raise NoLongerOpen()
    wait_for_others(sign_up.address_key)
    if erased_addresses.among([sign_up.address_key]):
        raise NoLongerOpen()
    if sign_up.tracking:
        _allow_tracking(sign_up, network=network, at=at)
    elif sign_up.service is None:
        _take_back(sign_up, network=network, at=at)
    else:
        _subscribe(sign_up, sign_up.service, network=network, at=at)
    sign_up.confirmed_at = at
    sign_up.save(update_fields=["confirmed_at", "profile"])
    return sign_up


def _subscribe(sign_up: SignUp, service: Service, *, network: str, at: datetime) -> None:
    profile = sign_up.profile
    if profile is None or profile.email_key != sign_up.address_key:  # they may have another address since
        profile = _whose(service, address=sign_up.address, key=sign_up.address_key, language=sign_up.language)
    sign_up.profile = Profile.objects.select_for_update(of=("self",)).get(pk=profile.pk)
    origin = Origin(at, MAIL, reference=f"sign-up {sign_up.pk}", network=network, text=sign_up.text)
    subscribing.subscribe_confirmed(service=service, profile=sign_up.profile, origin=origin)


def _take_back(sign_up: SignUp, *, network: str, at: datetime) -> None:
    """Mail is taken again at this address, by whose own no it was."""
    profile = _still_theirs(sign_up)
    said: dict[str, Any] = {"profile_id": profile.pk, "at": at, "source": MAIL, "network": network}
    said["reference"] = f"sign-up {sign_up.pk}"
    if profile.no_contact:  # a no to every channel: the others stay closed
        consents.opt_out(channel=consents.Channel.SMS, **said)
        consents.opt_in(channel=consents.Channel.ANY, **said)
    consents.opt_in(channel=consents.Channel.EMAIL, **said)


def _allow_tracking(sign_up: SignUp, *, network: str, at: datetime) -> None:
    """What the mail named may be measured of whoever reads it."""
    origin = Origin(at, MAIL, reference=f"sign-up {sign_up.pk}", network=network)
    purposes = dict.fromkeys(sign_up.tracking.split(","), True)
    tracking_consents.say(profile_id=_still_theirs(sign_up).pk, purposes=purposes, origin=origin)


def _still_theirs(sign_up: SignUp) -> Profile:
    """Who was asked, as long as they have the address that the mail went to. Raise NoLongerOpen."""
    if sign_up.profile is None or sign_up.profile.email_key != sign_up.address_key:
        raise NoLongerOpen()
    return sign_up.profile


def _somebody_said_no(service: Service, key: str) -> bool:
    """Whether anybody who has this address left the service, or must not be written to: then a mail must confirm."""
    if suppression.held([key]) or AddressOptOut.objects.filter(address_key=key).exists():
        return True
    return Subscription.objects.filter(
        service=service, profile__email_key=key, ended_at__isnull=False
    ).exists()


def _whose(service: Service, *, address: str, key: str, language: str) -> Profile:
    """Who has the address in the service's unit and below, the first of several; a new profile where nobody has."""
    found = targeting.in_unit(service.unit).filter(email_key=key).order_by("pk").first()
    if found is not None:
        return found
    state, _key = addresses.read(address)
    return Profile.objects.create(
        unit=service.unit, email=address.strip(), email_key=key, email_state=state, language=language
    )


def wait_for_others(key: str) -> None:
    """Whoever asks for the same address at the same time waits here: together they make one profile and one mail."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
