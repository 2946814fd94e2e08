"""The timeline of a person: all that was sent to them, that came back, that they wished, and that was done to them.

Newest first, page by page by the place of the last event. What belongs to a delivery that the reader may not see is
left out, and counted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import User
from audiences.models import Profile
from deliveries.models import Delivery
from reporting.persons import events, identity
from reporting.persons.events import KINDS

ROWS = 25
MOST_ROWS = 1000


class NoSuchPlace(ValueError):
    """A text that names no place in a timeline."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a person, or that they did."""

    at: datetime
    kind: str  # one of KINDS
    what: str  # a status, a cause, a kind of hit …: as its table has it
    ref: str  # with `at` and the kind it names the event
    delivery: Delivery | None = None  # None: of none, or mentioned and not one that the reader may see
    seq: int | None = None
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands: a page that begins behind it is asked for by this."""
        return f"{self.at.isoformat()}~{self.kind}~{self.ref}"


@dataclass(frozen=True)
class Timeline:
    """One page: its events, where the next one begins (empty at the end), and how many events are not shown at all."""

    events: list[Event]
    older: str = ""
    hidden: int = 0


def kinds_among(named: Iterable[str]) -> frozenset[str]:
    """Of these words those that are kinds of events."""
    return frozenset(named) & KINDS.keys()


def page(
    profile: Profile,
    *,
    user: User | None,
    kinds: frozenset[str] = frozenset(),
    before: str = "",
    size: int = ROWS,
) -> Timeline:
    """Return one page of a timeline: of all kinds, or of these alone; from the newest on, or behind a place.

    Without a user it is the system's own operator, who sees all. Raise NoSuchPlace where `before` names none.
    """
    at, kind, ref = _place(before) if before else (None, "", "")
    person = identity.of(profile)
    asked: dict[str, Any] = {
        "profile": person.profile_id,
        "keys": sorted(person.keys),
        "key": profile.email_key,
        "kinds": sorted(kinds) or None,
    }
    hidden = _hidden(asked, user)
    place = {"at": at, "kind": kind, "ref": ref, "most": size + 1}
    rows = _fetch(events.page_sql(kinds), asked | place | {"hidden": hidden})
    named = _named(rows[:size], user)
    found = [_event(row, named) for row in rows[:size]]
    return Timeline(
        found,
        older=found[-1].place if len(rows) > size else "",
        hidden=_count_hidden(asked, kinds, hidden),
    )


def _place(text: str) -> tuple[datetime, str, str]:
    at, _between, rest = text.partition("~")
    kind, _between, ref = rest.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise NoSuchPlace(text) from None
    if kind not in KINDS or moment.tzinfo is None or "\0" in ref or not 1900 < moment.year < 9000:
        raise NoSuchPlace(text)
    return moment, kind, ref[:100]


def _hidden(asked: dict[str, Any], user: User | None) -> list[int]:
    """Return the deliveries that have something of the person and that this user may not see."""
    if user is None or (user.is_active and user.is_superuser):
        return []
    concerned = {pk for (pk,) in _fetch(events.DELIVERIES, asked)}
    seen = Delivery.objects.visible_to(user).filter(pk__in=concerned)
    return sorted(concerned - set(seen.values_list("pk", flat=True)))


def _count_hidden(asked: dict[str, Any], kinds: frozenset[str], hidden: list[int]) -> int:
    statement = events.hidden_sql(kinds) if hidden else None
    if statement is None:
        return 0
    return int(_fetch(statement, asked | {"hidden": hidden})[0][0])


def _named(rows: list[Any], user: User | None) -> dict[int, Delivery]:
    """Return the deliveries that these rows are of or mention, as far as the user may see them."""
    wanted = {pk for row in rows for pk in row[2:4] if pk is not None}
    seen = Delivery.objects.all() if user is None else Delivery.objects.visible_to(user)
    return seen.in_bulk(wanted) if wanted else {}


def _fetch(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _event(row: Any, named: dict[int, Delivery]) -> Event:
    at, kind, delivery_id, via, seq, ref, what, note, detail = row
    return Event(
        at=at,
        kind=kind,
        what=what,
        ref=ref,
        delivery=named.get(delivery_id if delivery_id is not None else via),
        seq=seq,
        note=note,
        detail=json.loads(detail) if isinstance(detail, str) else detail or {},
    )
