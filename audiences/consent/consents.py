"""Opt-outs and opt-ins, by channel: the flag on the profile, its address, and the log that tells when and why.

A no to mail holds for the address too, whoever has it now or comes in with it later; and it ends all subscriptions.
"""

from datetime import datetime

from django.db import connection, transaction
from psycopg import sql

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences.models import AddressOptOut, ConsentEvent, Profile
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from campaign.lib import locking

Channel = ConsentEvent.Channel

FLAGS = {Channel.EMAIL: "no_email", Channel.SMS: "no_sms", Channel.ANY: "no_contact"}
OF_MAIL = frozenset({Channel.EMAIL, Channel.ANY})  # a no to these ends what was subscribed to

# `ids` yields the ids of profiles, each with what the person said.
_SAY_NO = """
    WITH chosen AS MATERIALIZED (
        SELECT id, coalesce(max(words), '') AS words FROM ({ids}) AS found (id, words) GROUP BY id
    ), changed AS (
        UPDATE audiences_profile p SET {flag} = true, changed_at = %(at)s
        FROM chosen WHERE p.id = chosen.id AND NOT p.{flag} RETURNING p.id, chosen.words
    ), addresses AS (
        INSERT INTO audiences_addressoptout (channel, address_key, at)
        SELECT DISTINCT %(channel)s, p.email_key, %(at)s::timestamptz FROM chosen CROSS JOIN LATERAL (
            SELECT email_key FROM audiences_profile WHERE id = chosen.id AND email_key <> '' OFFSET 0
        ) p WHERE %(channel)s <> 'sms' ORDER BY 2
        ON CONFLICT DO NOTHING
    ), whole AS MATERIALIZED (
        SELECT id FROM chosen WHERE %(channel)s <> 'sms'
        UNION SELECT other.id FROM {with_their_addresses} WHERE %(channel)s <> 'sms'
    ), ended AS (
        UPDATE audiences_subscription had SET ended_at = %(at)s, is_confirmed = false
        FROM whole WHERE had.profile_id = whole.id AND had.ended_at IS NULL
        RETURNING had.profile_id, had.service_id
    ), logged AS (
        INSERT INTO audiences_consentevent
            (profile_id, service_id, channel, opted_out, at, source, by_id, reference, network, words)
        SELECT id, NULL::bigint, %(channel)s, true, %(at)s::timestamptz, %(source)s, %(by)s::bigint, %(reference)s,
            %(network)s, words
        FROM changed
        UNION ALL SELECT profile_id, service_id, 'email', true, %(at)s, %(source)s, %(by)s::bigint,
            %(reference)s, %(network)s, ''
        FROM ended ORDER BY 1
    )
    SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM ended)
"""


@transaction.atomic
def opt_out(
    *,
    profile_id: int,
    channel: str,
    at: datetime,
    source: str,
    by: User | None = None,
    reference: str = "",
    network: str = "",
) -> bool:
    """The profile gets nothing more on this channel; False if it was so already, and then nothing is added.

    Its address is not written to either, whoever has it, and all its subscriptions end.
    """
    origin = Origin(at, source, by, reference, network)
    profile = _locked(profile_id, by)
    ids = sql.SQL("SELECT {}::bigint, ''").format(sql.Literal(profile.pk))
    changed, ended = _say_no(ids, channel, origin)
    if changed:
        _record("opt_out", profile, channel, origin)
    return bool(changed or ended)


@transaction.atomic
def opt_in(
    *,
    profile_id: int,
    channel: str,
    at: datetime,
    source: str,
    by: User | None = None,
    reference: str = "",
    network: str = "",
) -> bool:
    """The profile may be written to again on this channel; False if it was so already.

    Its address may be used again too, unless others have it on whom the person has no right: then that no stays.
    """
    origin = Origin(at, source, by, reference, network)
    profile = _locked(profile_id, by)
    key, is_freed = profile.email_key, False
    if channel in OF_MAIL and key and _may_free(key, by):
        is_freed = bool(AddressOptOut.objects.filter(channel=channel, address_key=key).delete()[0])
    flag = FLAGS[Channel(channel)]
    if not getattr(profile, flag):
        return is_freed
    setattr(profile, flag, False)
    profile.save(update_fields=[flag, "changed_at"])
    ConsentEvent.objects.create(
        profile=profile,
        channel=channel,
        opted_out=False,
        at=at,
        source=source,
        by=by,
        reference=reference,
        network=network,
    )
    _record("opt_in", profile, channel, origin)
    return True


def opt_out_many(
    *,
    profile_ids: sql.Composable,
    channel: str,
    at: datetime,
    source: str,
    by: User | None = None,
    reference: str = "",
    network: str = "",
) -> int:
    """All profiles that the SELECT yields are opted out, each with its event; the count of those that weren't yet.

    Beside each id the SELECT yields what the person said, or an empty text. The caller has checked the right on
    whatever it selects.
    """
    return _say_no(profile_ids, channel, Origin(at, source, by, reference, network))[0]


def address_says_no(profile: Profile) -> bool:
    """Whether the address itself opted out of mail, by whichever profile said so."""
    rows = AddressOptOut.objects.filter(address_key=profile.email_key, channel__in=OF_MAIL)
    return bool(profile.email_key) and rows.exists()


def _locked(profile_id: int, by: User | None) -> Profile:
    """The profile, held until the transaction ends; raise access.NotAllowed for who may not prepare there."""
    profile = locking.locked(Profile.objects.select_related("unit"), profile_id)
    if by is not None:
        access.require(by, Right.PREPARE, profile)
    return profile


def _say_no(profile_ids: sql.Composable, channel: str, origin: Origin) -> tuple[int, int]:
    """How many profiles are opted out that were not, and how many subscriptions ended by it."""
    statement = sql.SQL(_SAY_NO).format(
        flag=sql.Identifier(FLAGS[Channel(channel)]),
        ids=profile_ids,
        with_their_addresses=sql.SQL(subscribing.WITH_THEIR_ADDRESSES),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), origin.slots() | {"channel": channel})
        changed, ended = cursor.fetchone()
    return changed, ended


def _record(action: str, profile: Profile, channel: str, origin: Origin) -> None:
    if origin.by is not None:
        audit.record(action, by=origin.by, target=profile, channel=channel, source=origin.source)


def _may_free(key: str, by: User | None) -> bool:
    """Whether a person has the right on everybody who has this address; its owner, by a mail, always has."""
    if by is None:
        return True
    having = Profile.objects.filter(email_key=key)
    return not having.exclude(unit__in=access.units(by, Right.PREPARE).values("pk")).exists()
