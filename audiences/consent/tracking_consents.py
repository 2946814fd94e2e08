"""People say whether their opens and clicks may be measured, for each purpose, and the consent log keeps it.

A no holds for everybody who has the same address.
"""

from typing import Any

from django.db import connection, transaction
from psycopg import sql

from accounts import access, audit
from accounts.rights import Right
from audiences.models import Profile
from audiences.services.subscribing import WITH_THEIR_ADDRESSES, Origin
from audiences.tracking import COLUMNS, Purpose
from campaign.lib import locking

# A yes is this profile's alone; a no everybody's who has the address.
_SAY = """
    WITH chosen AS MATERIALIZED (
        SELECT id, coalesce(max(words), '') AS words FROM ({ids}) AS found (id, words) GROUP BY id
    ), whole AS MATERIALIZED (
        SELECT id, words FROM chosen
        UNION ALL SELECT other.id, '' FROM {with_their_addresses} WHERE NOT %(may)s AND other.id <> chosen.id
    ), changed AS (
        UPDATE audiences_profile p SET {column} = %(may)s, changed_at = %(at)s
        FROM (SELECT id, max(words) AS words FROM whole GROUP BY id) w
        WHERE p.id = w.id AND {which} RETURNING p.id, w.words
    ), logged AS (
        INSERT INTO audiences_consentevent
            (profile_id, channel, purpose, opted_out, at, source, by_id, reference, network, words)
        SELECT id, 'email', %(purpose)s, NOT %(may)s, %(at)s, %(source)s, %(by)s, %(reference)s, %(network)s, words
        FROM changed ORDER BY id
    )
    SELECT count(*) FROM changed
"""
_CHANGES = "p.{column} IS DISTINCT FROM %(may)s"
_WAS_NOT_ASKED = "p.{column} IS NULL"


def say_many(
    *, profile_ids: sql.Composable, purpose: str, may: bool, origin: Origin, if_not_asked: bool = False
) -> int:
    """All profiles that the SELECT yields have said this of the purpose, each with its row in the log; how many anew.

    Beside each id the SELECT yields what was said, or an empty text. With `if_not_asked` whoever said something
    before is let alone. The caller has checked the right on whatever it selects.
    """
    column = sql.Identifier(COLUMNS[Purpose(purpose)])
    which = sql.SQL(_WAS_NOT_ASKED if if_not_asked else _CHANGES).format(column=column)
    statement = sql.SQL(_SAY).format(
        ids=profile_ids, column=column, which=which, with_their_addresses=sql.SQL(WITH_THEIR_ADDRESSES)
    )
    slots: dict[str, Any] = origin.slots() | {"may": may, "purpose": str(purpose)}
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), slots)
        return int(cursor.fetchone()[0])


@transaction.atomic
def say(*, profile_id: int, purposes: dict[str, bool], origin: Origin) -> bool:
    """The person says of each of these purposes whether it may be measured; False if all of it was so already.

    What has left measured and comes back afterwards is not kept; what was sealed as not measured stays so. A person
    who does it for another needs *Prepare deliveries* on the profile; raise access.NotAllowed.
    """
    profile = locking.locked(Profile.objects.select_related("unit"), profile_id)
    if origin.by is not None:
        access.require(origin.by, Right.PREPARE, profile)
    ids = sql.SQL("SELECT {}::bigint, ''").format(sql.Literal(profile_id))
    changed = [
        purpose
        for purpose, may in sorted(purposes.items())
        if say_many(profile_ids=ids, purpose=purpose, may=may, origin=origin)
    ]
    if changed and origin.by is not None:
        said = {str(purpose): purposes[purpose] for purpose in changed}
        audit.record("tracking_consent", by=origin.by, target=profile, said=said, source=origin.source)
    return bool(changed)
