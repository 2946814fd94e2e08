"""Who must not be written to, and why: one text, for all who ask.

The text is a function of PostgreSQL, `audiences_suppression` (migration `services`), over a profile, the key of the
address that would be used, a channel and a service. A preparation, the look before each window, *Send again*, proofs
and the public pages put it into their own statements; the planner writes it in there, so it costs no call.
"""

from collections.abc import Iterable
from enum import StrEnum

from django.db import connection


class Cause(StrEnum):
    """Why somebody is not written to, in the order in which it is looked at."""

    OPTED_OUT = "opted_out"
    NOT_SUBSCRIBED = "not_subscribed"  # to the service that is asked about
    CONSENT_UNCLEAR = "consent_unclear"
    QUARANTINED = "quarantined"
    GONE = "gone"  # said by whoever found no profile
    ERASED = "erased"  # the same, of somebody whose erasure is on record


def of(profile: str, *, key: str, channel: str = "email", service: str = "NULL") -> str:
    """SQL: the function over a profile's alias and the expression of its address' key; its column is `cause`.

    `service` is the expression of a service's id: only who is subscribed to it is written to.
    """
    return f"audiences_suppression({profile}, {key}, '{channel}', {service})"


def by_key(profile_id: str, *, key: str, service: str = "NULL") -> str:
    """SQL: a sub-query of one value, the cause or NULL, that looks one profile and one address up by their keys.

    `OFFSET 0` keeps the planner from joining whole tables where it knows nothing of how few are asked about.
    """
    return (
        f"coalesce((SELECT coalesce(s.cause, '') FROM {profiles('p', key=key, service=service)}"
        f" WHERE p.id = {profile_id} OFFSET 0), {without_profile(profile_id)})"
    )


def profiles(alias: str, *, key: str, service: str = "NULL") -> str:
    """SQL for FROM: profiles, each with `s.cause` for this address; a sub-query in `service` is asked once.

    The service stands beside and is named: the planner writes no function in whose argument is a sub-query.
    """
    asked = of(alias, key=key, service="service.id")
    return (
        f"audiences_profile {alias}, (SELECT ({service})::bigint AS id OFFSET 0) service, LATERAL {asked} s"
    )


def without_profile(profile_id: str) -> str:
    """SQL: the cause where there is no profile of this id."""
    return (
        f"CASE WHEN EXISTS (SELECT FROM audiences_erasedprofile e WHERE e.profile_id = {profile_id})"
        f" THEN '{Cause.ERASED}' ELSE '{Cause.GONE}' END"
    )


def cause(*, profile_id: int, address_key: str, service_id: int | None = None) -> Cause | None:
    """Why this person must not be written to at this address, for a service if one is named; None: they may."""
    asked = by_key("%(profile)s", key="%(key)s", service="%(service)s::bigint")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}", {"profile": profile_id, "key": address_key, "service": service_id})
        found = cursor.fetchone()[0]
    return Cause(found) if found else None


def has_opted_out(profile_id: int) -> bool:
    """Whether this person said no to mail, whatever is known against their address."""
    return cause(profile_id=profile_id, address_key="") == Cause.OPTED_OUT


def held(keys: Iterable[str]) -> set[str]:
    """Of these addresses, those that must not be used, whoever has them in whatever unit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT k.key FROM unnest(%s::text[]) k (key) LEFT JOIN audiences_profile p ON p.email_key = k.key"
            f" CROSS JOIN LATERAL {of('p', key='k.key')} s WHERE s.cause IS NOT NULL",
            [list(keys)],
        )
        return {row[0] for row in cursor.fetchall()}
