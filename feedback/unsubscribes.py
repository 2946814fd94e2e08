"""Opting out by the link of a message: of its service where it has one, else of all mail."""

from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import translation
from psycopg import sql

from audiences.consent import consents
from audiences.models import ConsentEvent, Profile, Service, Subscription
from audiences.quarantine import suppression
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from deliveries.ledger import addressees
from deliveries.models import Delivery

SOURCE, SOURCE_MAIL = "unsubscribe_link", "unsubscribe_mail"
EMAIL = ConsentEvent.Channel.EMAIL
_ADDRESSEE = addressees.by_message(delivery="d.id", seq="%(seq)s")
_WHOSE = f"""
SELECT coalesce(m.profile_id, ({_ADDRESSEE})), d.service_id FROM deliveries_delivery d
LEFT JOIN deliveries_message m ON m.delivery_id = d.id AND m.seq = %(seq)s
WHERE d.id = %(delivery)s
"""


def opt_out(*, delivery_id: int, seq: int, at: datetime, source: str = SOURCE, network: str = "") -> bool:
    """Whoever the message was written to leaves its service, or gets no more email where it has none.

    `network` is where it came from, as far as that is kept. False if it was so already or they are gone.
    """
    profile_id, service_id = _whose(delivery_id, seq)
    if profile_id is None:
        return False
    if service_id is None:
        return _out_of_all(profile_id, delivery_id, at=at, source=source, network=network)
    origin = Origin(at, source, reference=reference(delivery_id), network=network)
    service = Service.objects.get(pk=service_id)
    return subscribing.leave(service=service, profile_id=profile_id, origin=origin)


def opt_out_of_all(
    *, delivery_id: int, seq: int, at: datetime, source: str = SOURCE, network: str = ""
) -> bool:
    """Whoever the message was written to gets no more email; False if it was so already or they are gone."""
    profile_id, _service_id = _whose(delivery_id, seq)
    return profile_id is not None and _out_of_all(
        profile_id, delivery_id, at=at, source=source, network=network
    )


def _out_of_all(profile_id: int, delivery_id: int, *, at: datetime, source: str, network: str = "") -> bool:
    """By the statement for many: written by itself for each reader, it would cost several times as much."""
    number = consents.opt_out_many(
        profile_ids=sql.SQL("SELECT {}::bigint, ''").format(sql.Literal(profile_id)),
        channel=EMAIL,
        at=at,
        source=source,
        reference=reference(delivery_id),
        network=network,
    )
    return number > 0


def _whose(delivery_id: int, seq: int) -> tuple[int | None, int | None]:
    """The profile that a message was written to, and the service of its delivery; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_WHOSE, {"delivery": delivery_id, "seq": seq})
        return cursor.fetchone() or (None, None)


def service_of(delivery_id: int) -> Service | None:
    """The service that a delivery belongs to."""
    return Service.objects.filter(pk__in=Delivery.objects.filter(pk=delivery_id).values("service_id")).first()


def has_left(*, profile_id: int, delivery_id: int) -> bool:
    """Whether the person gets no more of what the delivery belongs to, because they said so."""
    service = service_of(delivery_id)
    if service is None:
        return suppression.has_opted_out(profile_id)
    return not Subscription.objects.filter(service=service, profile_id=profile_id, ended_at=None).exists()


def left_service(*, profile_id: int, delivery_id: int) -> Service | None:
    """The delivery's service where the person left just that; None where they are out of all mail, or it has none."""
    service = service_of(delivery_id)
    return (
        service if service and not suppression.has_opted_out(profile_id) and service.takes_sign_ups else None
    )


def reference(delivery_id: int) -> str:
    """How a consent event names the delivery by which somebody opted out."""
    return f"delivery {delivery_id}"


def language_of(profile: Profile | None) -> str:
    """The language of the page: the profile's, else the browser's."""
    wanted = (profile.language if profile else "").lower().replace("_", "-")
    known = [code for code, _name in settings.LANGUAGES]
    for code in (wanted, wanted.partition("-")[0]):
        for language in known:
            if code and (language == code or language.partition("-")[0] == code):
                return language
    return translation.get_language() or settings.LANGUAGE_CODE
