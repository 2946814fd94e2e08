"""Who is subscribed: in sets, each change with its row in the consent log.

Nobody who said no is subscribed by anybody else: only by a mail to their address that they confirmed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences.models import Audience, Profile, Service, ServiceText, Subscription
from audiences.quarantine import suppression
from audiences.rules import targeting
from campaign.lib.refusals import Refusal


class NotThisAudience(Refusal):
    message = _("“%(audience)s” belongs to a unit that is not “%(unit)s” or one above.")
    code = "audience_elsewhere"


@dataclass(frozen=True)
class Origin:
    """Where a wish came from, as the consent log keeps it."""

    at: datetime
    source: str
    by: User | None = None
    reference: str = ""
    network: str = ""
    text: ServiceText | None = None

    def slots(self) -> dict[str, Any]:
        """The values of its columns in the log."""
        return {
            "at": self.at,
            "source": self.source,
            "by": self.by.pk if self.by else None,
            "reference": self.reference,
            "network": self.network,
            "text": self.text.pk if self.text else None,
        }


_LOG = """
    INSERT INTO audiences_consentevent
        (profile_id, service_id, channel, opted_out, at, source, by_id, reference, words, text_id, network, address_key)
    SELECT profile_id, service_id, 'email', {out}, %(at)s, %(source)s, %(by)s, %(reference)s, '', %(text)s,
        %(network)s, ''
    FROM changed ORDER BY profile_id
"""

# Whoever left before, by whichever profile of their address, or may not be written to, is let alone: nobody but they
# themselves subscribes them.
_NOBODY_WHO_SAID_NO = f"""
    JOIN audiences_profile p ON p.id = chosen.id CROSS JOIN LATERAL {suppression.of("p", key="p.email_key")} s
    WHERE s.cause IS NULL AND NOT EXISTS (
        SELECT FROM audiences_subscription had WHERE had.service_id = %(service)s AND had.profile_id = chosen.id
    ) AND NOT EXISTS (
        SELECT FROM audiences_profile other JOIN audiences_subscription had ON had.profile_id = other.id
        WHERE other.email_key = p.email_key AND p.email_key <> '' AND had.service_id = %(service)s
            AND had.ended_at IS NOT NULL
    )
"""

_SUBSCRIBE = """
    WITH chosen AS (SELECT DISTINCT id FROM ({ids}) AS found (id)), changed AS (
        INSERT INTO audiences_subscription AS had (service_id, profile_id, subscribed_at, is_confirmed, is_welcomed)
        SELECT %(service)s, chosen.id, %(at)s, %(confirmed)s, %(welcomed)s FROM chosen {whom} ORDER BY 2
        ON CONFLICT (service_id, profile_id) DO UPDATE
            SET ended_at = NULL, is_confirmed = excluded.is_confirmed,
                subscribed_at = CASE WHEN had.ended_at IS NULL THEN had.subscribed_at ELSE excluded.subscribed_at END,
                is_welcomed = CASE WHEN had.ended_at IS NULL THEN had.is_welcomed ELSE excluded.is_welcomed END
            WHERE excluded.is_confirmed AND (had.ended_at IS NOT NULL OR NOT had.is_confirmed)
        RETURNING profile_id, service_id
    )
""" + _LOG.format(out="false")

# Who has the addresses of the `chosen`: each looked up by its key, however few the planner takes them for.
WITH_THEIR_ADDRESSES = """
    chosen CROSS JOIN LATERAL (
        SELECT email_key FROM audiences_profile p WHERE p.id = chosen.id AND p.email_key <> '' OFFSET 0
    ) mine CROSS JOIN LATERAL (
        SELECT id FROM audiences_profile p WHERE p.email_key = mine.email_key OFFSET 0
    ) other
"""

_LEAVE = """
    WITH chosen AS (
        SELECT DISTINCT id FROM ({ids}) AS found (id)
    ), whole AS (
        SELECT id FROM chosen
        UNION SELECT other.id FROM {with_their_addresses}
    ), changed AS (
        UPDATE audiences_subscription had SET ended_at = %(at)s, is_confirmed = false
        FROM whole WHERE had.profile_id = whole.id AND had.ended_at IS NULL
            AND (%(service)s::bigint IS NULL OR had.service_id = %(service)s)
        RETURNING had.profile_id, had.service_id
    )
""" + _LOG.format(out="true")


def subscribe_many(
    *, service: Service, profile_ids: sql.Composable, origin: Origin, is_welcomed: bool = True
) -> int:
    """The profiles that the SELECT yields are subscribed, each with its row in the log; how many weren't.

    Those who left the service before, are opted out, held or in quarantine are not. `is_welcomed`: welcome mails are
    for them. The caller has checked the right.
    """
    return _execute(
        _SUBSCRIBE,
        profile_ids,
        service,
        origin,
        whom=_NOBODY_WHO_SAID_NO,
        confirmed=False,
        welcomed=is_welcomed,
    )


def subscribe_confirmed(*, service: Service, profile: Profile, origin: Origin) -> bool:
    """Whoever reads the profile's address has confirmed: it stands against what was said before, of this service."""
    ids = sql.SQL("SELECT {}::bigint").format(sql.Literal(profile.pk))
    return bool(_execute(_SUBSCRIBE, ids, service, origin, whom="", confirmed=True, welcomed=True))


def leave_many(*, service: Service | None, profile_ids: sql.Composable, origin: Origin) -> int:
    """The profiles that the SELECT yields, and who has the same addresses, are not subscribed any more.

    To this service, or to any. Return how many subscriptions ended.
    """
    return _execute(_LEAVE, profile_ids, service, origin)


@transaction.atomic
def leave(*, service: Service, profile_id: int, origin: Origin) -> bool:
    """The profile is not subscribed any more; False if it was not. A person needs *Prepare deliveries* on it."""
    if origin.by is not None:
        access.require(origin.by, Right.PREPARE, Profile.objects.select_related("unit").get(pk=profile_id))
    ids = sql.SQL("SELECT {}::bigint").format(sql.Literal(profile_id))
    changed = bool(leave_many(service=service, profile_ids=ids, origin=origin))
    if changed and origin.by is not None:
        audit.record("unsubscribe", by=origin.by, target=service, profile=profile_id)
    return changed


@transaction.atomic
def subscribe_audience(
    *, service: Service, audience: Audience, by: User, at: datetime, is_welcomed: bool = False
) -> int:
    """Whom the audience holds in the service's unit and below is subscribed; how many weren't.

    They get no welcome mails unless `is_welcomed`: most agreed long ago, and elsewhere.

    Raise access.NotAllowed without *Import profiles* on the service, NotThisAudience, and RuleError.
    """
    access.require(by, Right.IMPORT, service)
    if audience.unit_id not in service.unit.lineage:
        raise NotThisAudience(audience=audience.label, unit=service.unit)
    query, params = (
        targeting.profiles(audience, unit=service.unit).order_by().values("pk").query.sql_with_params()
    )
    origin = Origin(at=at, source="audience", by=by, reference=f"audience {audience.pk}")
    ids = _as_literals(query, params)
    number = subscribe_many(service=service, profile_ids=ids, origin=origin, is_welcomed=is_welcomed)
    audit.record(
        "subscribe_audience", by=by, target=service, audience=audience.pk, number=number, welcomed=is_welcomed
    )
    return number


def current(service: Service) -> QuerySet[Subscription]:
    """Those that have not ended."""
    return Subscription.objects.filter(service=service, ended_at=None)


def of_profile(profile_id: int) -> QuerySet[Subscription]:
    """What a profile is subscribed to."""
    rows = Subscription.objects.filter(profile_id=profile_id, ended_at=None)
    return rows.select_related("service").order_by("service__public_name", "pk")


def _execute(
    statement: str,
    ids: sql.Composable,
    service: Service | None,
    origin: Origin,
    *,
    whom: str = "",
    confirmed: bool | None = None,
    welcomed: bool = False,
) -> int:
    others = sql.SQL(WITH_THEIR_ADDRESSES)
    composed = sql.SQL(statement).format(ids=ids, whom=sql.SQL(whom), with_their_addresses=others)
    slots = origin.slots() | {
        "service": service.pk if service else None,
        "confirmed": confirmed,
        "welcomed": welcomed,
    }
    with connection.cursor() as cursor:
        cursor.execute(composed.as_string(cursor.cursor), slots)
        return int(cursor.rowcount)


def _as_literals(query: str, params: tuple[object, ...]) -> sql.Composable:
    """A query of Django's with its parameters put in."""
    with connection.cursor() as cursor:
        return sql.SQL(cursor.cursor.mogrify(query, params).replace("%", "%%"))
