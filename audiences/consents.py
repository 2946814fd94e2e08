"""Opt-outs and opt-ins, by channel: the flag on the profile, and the event that tells when and why."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences.models import ConsentEvent, Profile

Channel = ConsentEvent.Channel

FLAGS = {Channel.EMAIL: "no_email", Channel.SMS: "no_sms", Channel.ANY: "no_contact"}


def opt_out(
    *, profile_id: int, channel: str, at: datetime, source: str, by: User | None = None, reference: str = ""
) -> bool:
    """The profile gets nothing more on this channel; False if it was so already, and then nothing is added."""
    return _set(True, profile_id, channel, at, source, by, reference)


def opt_in(
    *, profile_id: int, channel: str, at: datetime, source: str, by: User | None = None, reference: str = ""
) -> bool:
    """The profile may be written to again on this channel; False if it was so already."""
    return _set(False, profile_id, channel, at, source, by, reference)


def opt_out_many(
    *,
    profile_ids: sql.Composable,
    channel: str,
    at: datetime,
    source: str,
    by: User | None = None,
    reference: str = "",
) -> int:
    """All profiles that the SELECT yields are opted out, each with its event; the count of those that weren't yet.

    Beside each id the SELECT yields what the person said, or an empty text. The caller has checked the right on
    whatever it selects.
    """
    statement = sql.SQL(
        """
        WITH chosen AS (
            SELECT id, coalesce(max(words), '') AS words FROM ({ids}) AS found (id, words) GROUP BY id
        ), changed AS (
            UPDATE audiences_profile p SET {flag} = true, changed_at = %(at)s
            FROM chosen WHERE p.id = chosen.id AND NOT p.{flag} RETURNING p.id, chosen.words
        )
        INSERT INTO audiences_consentevent (profile_id, channel, opted_out, at, source, by_id, reference, words)
        SELECT id, %(channel)s, true, %(at)s, %(source)s, %(by)s, %(reference)s, words FROM changed ORDER BY id
        """
    ).format(flag=sql.Identifier(FLAGS[Channel(channel)]), ids=profile_ids)
    values: dict[str, Any] = {
        "at": at,
        "channel": channel,
        "source": source,
        "by": by.pk if by else None,
        "reference": reference,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), values)
        return int(cursor.rowcount)


@transaction.atomic
def _set(
    opted_out: bool, profile_id: int, channel: str, at: datetime, source: str, by: User | None, reference: str
) -> bool:
    profile = Profile.objects.select_for_update(of=("self",)).select_related("unit").get(pk=profile_id)
    if by is not None:
        access.require(by, Right.PREPARE, profile)
    flag = FLAGS[Channel(channel)]
    if getattr(profile, flag) == opted_out:
        return False
    setattr(profile, flag, opted_out)
    profile.save(update_fields=[flag, "changed_at"])
    ConsentEvent.objects.create(
        profile=profile,
        channel=channel,
        opted_out=opted_out,
        at=at,
        source=source,
        by=by,
        reference=reference,
    )
    if by is not None:
        audit.record(
            "opt_out" if opted_out else "opt_in", by=by, target=profile, channel=channel, source=source
        )
    return True
