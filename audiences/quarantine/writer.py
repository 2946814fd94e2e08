"""The one statement that writes the quarantine: what may take the place of what, and its audit event.

An address is *held* for what somebody says (a person, a list, a file, a relay's answer), *counted* by its errors, or
*let go* by a person. What is held stays as it was, with what was known against it first, but for three things: a
complaint or a list denies what was in quarantine; what errors brought in goes as its errors say, counted anew; and a
person lets it go. So nothing overwrites why an address was denied.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from accounts import audit
from accounts.models import User
from audiences.quarantine.thresholds import Standing

# {given} is a query of these columns, an address once. `errors` is NULL for one more than there were; `before` is the
# status of an entry that the caller holds locked, NULL where it doesn't.
_WRITTEN = """
    WITH given (
        address_key, status, reason, error_text, errors, last_error_at, reference, is_counted, forgiven_at, before
    ) AS ({given}), written AS (
        INSERT INTO audiences_quarantine AS q (
            channel, address_key, status, reason, error_text, errors, last_error_at, reference, is_counted,
            forgiven_at, created_at
        )
        SELECT 'email', address_key, status, reason, error_text, coalesce(errors, 1), last_error_at, reference,
            is_counted, forgiven_at, clock_timestamp()
        FROM given ORDER BY address_key
        ON CONFLICT (channel, address_key) DO UPDATE
        SET status = excluded.status, reason = excluded.reason, error_text = excluded.error_text,
            errors = CASE WHEN excluded.is_counted OR excluded.forgiven_at IS NOT NULL
                THEN excluded.errors ELSE q.errors + 1 END,
            last_error_at = excluded.last_error_at, reference = excluded.reference,
            is_counted = excluded.is_counted, forgiven_at = coalesce(excluded.forgiven_at, q.forgiven_at)
        WHERE (
            q.status NOT IN ('quarantine', 'denylist')
            OR q.status = 'quarantine' AND excluded.status = 'denylist'
            OR q.is_counted AND excluded.is_counted
            OR excluded.forgiven_at IS NOT NULL
        ) AND (q.status, q.errors, q.last_error_at)
            IS DISTINCT FROM (excluded.status, excluded.errors, excluded.last_error_at)
        RETURNING id, address_key, status, reason, reference
    )
"""
_EVENTS = """
    INSERT INTO accounts_auditevent (at, actor_id, actor_name, os_user, face, action, refused, target_type, target_id,
        target_label, detail)
    SELECT clock_timestamp(), %(by)s::bigint, %(by_name)s::text, %(os_user)s::text, %(face)s::text,
        CASE WHEN w.status IN ('quarantine', 'denylist') THEN w.status ELSE 'release' END, false,
        'audiences.quarantine', w.id::text, '#' || w.id,
        jsonb_strip_nulls(jsonb_build_object('reason', w.reason, 'reference', w.reference, 'before', g.before))
    FROM written w JOIN given g USING (address_key)
    WHERE w.status IS DISTINCT FROM g.before
        AND (w.status IN ('quarantine', 'denylist') OR g.before IN ('quarantine', 'denylist'))
"""
_KEYS = "SELECT address_key FROM written"
_HELD = """
    SELECT DISTINCT ON (address_key) address_key, status, left(reason, 32), left(error_text, 500), NULL::int,
        coalesce(%(at)s::timestamptz, sinete_clock()), left(%(reference)s::text, 128), false, NULL::timestamptz,
        NULL::text
    FROM ({given}) AS said (address_key, status, reason, error_text)
    ORDER BY address_key, status = 'denylist' DESC
"""
_COUNTED = """
    SELECT address_key, status, reason, error_text, errors, last_error_at, reference, true, NULL::timestamptz, before
    FROM unnest(
        %(keys)s::text[], %(statuses)s::text[], %(reasons)s::text[], %(texts)s::text[], %(errors)s::int[],
        %(ats)s::timestamptz[], %(references)s::text[], %(befores)s::text[]
    ) AS n (address_key, status, reason, error_text, errors, last_error_at, reference, before)
"""
_LET_GO = """
    SELECT address_key, 'valid', reason, error_text, 0, last_error_at, reference, false, %(at)s::timestamptz, status
    FROM audiences_quarantine WHERE id = ANY(%(ids)s::bigint[])
"""
_OPENED = """
    INSERT INTO audiences_quarantine (channel, address_key, status, reason, error_text, errors, reference, created_at)
    SELECT 'email', key, 'valid', '', '', 0, '', clock_timestamp()
    FROM (SELECT DISTINCT unnest(%(keys)s::text[]) AS key) k ORDER BY key
    ON CONFLICT (channel, address_key) DO NOTHING
"""
_LOCKED = """
    SELECT address_key, status, forgiven_at FROM audiences_quarantine
    WHERE channel = 'email' AND address_key = ANY(%(keys)s) ORDER BY address_key FOR UPDATE
"""


def holding(given: str, *, is_told: bool = True) -> str:
    """Return the statement that holds or denies the addresses of `given`, a query of key, status, reason and text.

    It takes `at` (NULL for now) and `reference`; and, with an audit event for each, what `told_by` says. Where the
    caller tells of all in one event, it yields the keys of those that were not held before.
    """
    return _statement(_HELD.format(given=given), is_told=is_told)


def told_by(by: User | None) -> dict[str, Any]:
    """Who did it and through which face, as the audit events have it."""
    return {
        "by": by.pk if by else None,
        "by_name": by.get_username() if by else "",
        "os_user": audit.os_user(),
        "face": audit.face(),
    }


def locked(keys: Collection[str]) -> dict[str, tuple[str, datetime | None]]:
    """The entries of these addresses are the caller's until its transaction ends, opened where there were none.

    Returns of each its status, and up to when its errors were forgiven.
    """
    slots = {"keys": sorted(keys)}
    with connection.cursor() as cursor:
        cursor.execute(_OPENED, slots)
        cursor.execute(_LOCKED, slots)
        return {key: (status, forgiven_at) for key, status, forgiven_at in cursor.fetchall()}


def count(standings: Mapping[str, Standing], *, before: Mapping[str, str]) -> None:
    """These addresses stand as their errors say, with an event for each that is held now or no more.

    `before` has the statuses of their entries, which the caller holds locked.
    """
    lasts = [standing.last for standing in standings.values()]
    values: dict[str, Any] = {
        "keys": list(standings),
        "statuses": [standing.status for standing in standings.values()],
        "errors": [standing.errors for standing in standings.values()],
        "reasons": [last.reason if last else "" for last in lasts],
        "texts": [last.text if last else "" for last in lasts],
        "ats": [last.at if last else None for last in lasts],
        "references": [last.reference if last else "" for last in lasts],
        "befores": [before[key] for key in standings],
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(_COUNTED, is_told=True), values | told_by(None))


def let_go(ids: Collection[int], *, at: datetime, by: User | None = None, is_told: bool) -> None:
    """These entries, which the caller holds locked, are valid, their errors up to `at` forgotten.

    With an event for each, or the caller tells of all in one.
    """
    with connection.cursor() as cursor:
        cursor.execute(_statement(_LET_GO, is_told=is_told), {"ids": list(ids), "at": at, **told_by(by)})


def _statement(given: str, *, is_told: bool) -> str:
    return _WRITTEN.format(given=given) + (_EVENTS if is_told else _KEYS)
