"""The history of a profile: what was written to it, what came back, what it wished; newest first.

A delivery that the reader of the page may not see is not named: another unit's.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import User
from audiences.models import ConsentEvent, Profile
from deliveries.models import Cause, Delivery, MessageStatus
from feedback.agents import AgentKind
from feedback.models import HitKind, MailKind

ROWS = 25
MOST_AT_ONE_MOMENT = 1000


@dataclass(frozen=True)
class Event:
    """Something that happened to a profile, or that it did."""

    at: datetime
    kind: str  # message, exclusion, hit, report or consent
    what: Any
    delivery: Delivery | None = None  # None: not one that the reader may see
    has_delivery: bool = True
    seq: int | None = None
    by_machine: bool = False
    is_unsure: bool = False  # whether a person or a machine did it
    note: str = ""


@dataclass(frozen=True)
class History:
    events: list[Event]
    older: datetime | None


def history(profile: Profile, *, user: User, before: datetime | None = None, size: int = ROWS) -> History:
    """One page of it. Events of one moment stay together, so that none falls between two pages."""
    found = _rows(profile.pk, before, size + 1)
    page, has_more = found[:size], len(found) > size
    if has_more and found[size][0] == page[-1][0]:
        found = _rows(profile.pk, before, MOST_AT_ONE_MOMENT)
        page = [row for row in found if row[0] >= page[-1][0]]
        has_more = len(found) > len(page)
    named = Delivery.objects.visible_to(user).in_bulk({row[2] for row in page if row[2]})
    events = [_event(row, named) for row in page]
    return History(events, events[-1].at if has_more else None)


def _rows(profile_id: int, before: datetime | None, most: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, {"profile": profile_id, "before": before, "most": most})
        return cursor.fetchall()


# Each part is found by an index that begins with the profile, or by the key of its messages.
_HISTORY = """
    WITH mine AS (
        SELECT m.delivery_id, m.seq, m.status, m.reason, m.tries, coalesce(m.at, d.started_at) AS at
        FROM deliveries_message m JOIN deliveries_delivery d ON d.id = m.delivery_id
        WHERE m.profile_id = %(profile)s AND d.started_at IS NOT NULL
    ), events AS (
        SELECT at, 'message' AS kind, delivery_id, seq, status::text AS what, reason AS note FROM mine
        UNION ALL
        SELECT p.ended_at, 'exclusion', e.delivery_id, NULL, e.cause, ''
        FROM deliveries_exclusion e
        JOIN deliveries_delivery d ON d.id = e.delivery_id AND d.preparation_id = e.preparation_id
        JOIN deliveries_preparation p ON p.id = e.preparation_id
        WHERE e.profile_id = %(profile)s AND d.started_at IS NOT NULL
        UNION ALL
        SELECT h.at, 'hit', h.delivery_id, h.seq, h.kind, h.agent_kind
        FROM mine JOIN feedback_hit h ON h.delivery_id = mine.delivery_id AND h.seq = mine.seq
        WHERE h.kind <> 'unsubscribe' -- the consent event below tells of it
        UNION ALL
        SELECT r.at, 'report', r.delivery_id, r.seq, r.kind, r.reason
        FROM mine JOIN feedback_report r ON r.delivery_id = mine.delivery_id AND r.seq = mine.seq AND r.is_current
        UNION ALL
        SELECT c.at, 'consent', nullif(substring(c.reference FROM '^delivery ([0-9]{1,18})$'), '')::bigint, NULL,
            CASE WHEN c.opted_out THEN 'out' ELSE 'in' END, coalesce(s.label, nullif(c.purpose, ''), c.channel)
        FROM audiences_consentevent c LEFT JOIN audiences_service s ON s.id = c.service_id
        WHERE c.profile_id = %(profile)s
    )
    SELECT at, kind, delivery_id, seq, what, note FROM events
    WHERE at IS NOT NULL AND (%(before)s::timestamptz IS NULL OR at < %(before)s)
    ORDER BY at DESC, kind, delivery_id DESC, seq LIMIT %(most)s
"""


_WISHES = dict(ConsentEvent.Channel.choices) | dict(ConsentEvent.Purpose.choices)


def _event(row: Any, named: dict[int, Delivery]) -> Event:
    at, kind, delivery_id, seq, what, note = row
    readers = {
        "message": lambda: MessageStatus(int(what)),
        "exclusion": lambda: Cause(what),
        "hit": lambda: HitKind(what),
        "report": lambda: MailKind(what),
        "consent": lambda: what,
    }
    return Event(
        at=at,
        kind=kind,
        what=readers[kind](),
        delivery=named.get(delivery_id),
        has_delivery=delivery_id is not None,
        seq=seq,
        by_machine=kind == "hit" and note == AgentKind.MACHINE,
        is_unsure=kind == "hit" and note == AgentKind.UNSURE,
        note=str(_WISHES.get(note, note)) if kind == "consent" else note,
    )
