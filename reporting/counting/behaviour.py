"""What people did with a delivery, counted from the raw hits, and how many hits were people's and machines'."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from audiences.tracking import Tracked
from deliveries.models import MessageStatus as S
from feedback.agents import AgentKind
from feedback.models import HitKind, Report

BEHAVIOUR = ("opens", "openers", "clicks", "clickers", "mirror_views", "unsubscribers")
_EACH = [(kind, each) for kind in HitKind.values for each in AgentKind.values]
_MUTE = len(_EACH)  # what is added to the code of a hit whose message left without the picture
MEMORY = "64MB"  # for grouping by message; what needs more goes by the disk


@dataclass(frozen=True)
class Measured:
    """What the raw hits come to, and what stood in the statistics at the very moment at which they were read."""

    counted: dict[str, Any]
    stood: dict[str, Any]

    @property
    def checked_at(self) -> datetime | None:
        """When a recount had last put right what stood; None: never."""
        at = self.stood.get("folded_at")
        return datetime.fromisoformat(at) if at else None

    @property
    def off_by(self) -> dict[str, Any]:
        """What has to be added to the statistics, also if more was since, for them to be right."""
        figures = {name: self.counted[name] - (self.stood.get(name) or 0) for name in BEHAVIOUR}
        classes = self.stood.get("by_class") or {}
        more = {
            kind: {
                who: _minus(numbers, classes.get(kind, {}).get(who, (0, 0)))
                for who, numbers in of_kind.items()
            }
            for kind, of_kind in self.counted["by_class"].items()
        }
        return {**figures, "by_class": more}


def _minus(now: Iterable[int], was: Iterable[int]) -> list[int]:
    return [one - other for one, other in zip(now, was, strict=True)]


def behaviour(delivery_id: int, *, reread: bool = False) -> dict[str, Any]:
    """What people did, counted from the raw hits. Machines are left out; so is whoever got nothing.

    One message goes to one person, so people are counted by message. Whoever clicked, opened the mirror page
    or opted out by the link has opened, whether or not the picture was loaded; whoever did so by mail need not have.
    Of a message that left without the picture no open counts.
    `by_class` has, of each kind of hit and each class, how many there are and of how many messages. With `reread` the
    hits in the table `reread_hit` have the class that they have there.
    """
    return measured(delivery_id, reread=reread).counted


def measured(delivery_id: int, *, reread: bool = False) -> Measured:
    """The same, beside the statistics as they stood then."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [MEMORY])
        cursor.execute(_REREAD if reread else _STORED, {"delivery": delivery_id})
        rows = cursor.fetchall()
    (by_mail, stood) = next((number, stood) for code, _signs, number, stood in rows if code == _REST)
    hits = {code: number for code, _signs, number, _stood in rows if code is not None and code != _REST}
    people = [(signs, number) for code, signs, number, _stood in rows if code is None]
    return Measured(_counted(hits, people, by_mail), json.loads(stood) if stood else {})


def _counted(hits: dict[int, int], people: list[tuple[int, int]], by_mail: int) -> dict[str, Any]:
    """From hits by code, and from how many people showed which signs (a bit for each code)."""

    def who(*kinds: str) -> int:
        signs_of = _by_people(*kinds)
        return sum(number for signs, number in people if signs & (signs_of | signs_of << _MUTE))

    def how_often(kind: str) -> int:
        signs_of = _by_people(kind)
        return sum(number for code, number in hits.items() if 1 << code & (signs_of | signs_of << _MUTE))

    def who_can_tell(*kinds: str) -> int:
        return sum(number for signs, number in people if signs & _by_people(*kinds))

    openers, loaded = who_can_tell(*HitKind.values), who_can_tell(HitKind.OPEN)
    opens = sum(number for code, number in hits.items() if 1 << code & _by_people(HitKind.OPEN))
    return {
        "opens": opens + openers - loaded,
        "openers": openers,
        "clicks": how_often(HitKind.CLICK),
        "clickers": who(HitKind.CLICK),
        "mirror_views": how_often(HitKind.MIRROR),
        "unsubscribers": who(HitKind.UNSUBSCRIBE) + by_mail,
        "by_class": {
            kind: {
                each: [
                    hits.get(code, 0) + hits.get(code + _MUTE, 0),
                    sum(number for signs, number in people if signs & (1 << code | 1 << code + _MUTE)),
                ]
                for code, (of_kind, each) in enumerate(_EACH)
                if of_kind == kind
            }
            for kind in HitKind.values
        },
    }


def _by_people(*kinds: str) -> int:
    """The bits of hits of these kinds that are no machine's."""
    return sum(
        1 << code for code, (kind, who) in enumerate(_EACH) if kind in kinds and who != AgentKind.MACHINE
    )


_REST = -1  # the code of the row that is none of hits


def _code(agent_kind: str) -> str:
    """SQL for the place of a hit in `_EACH`. A class that is not known any more is one that was never sure."""
    first = {kind: _EACH.index((kind, AgentKind.values[0])) for kind in HitKind.values}
    kinds = " ".join(f"WHEN '{kind}' THEN {place}" for kind, place in first.items())
    classes = " ".join(
        f"WHEN '{who}' THEN {place}" for place, who in enumerate(AgentKind.values) if who != AgentKind.UNSURE
    )
    unsure = AgentKind.values.index(AgentKind.UNSURE)
    return f"(CASE h.kind {kinds} END + CASE {agent_kind} {classes} ELSE {unsure} END)"


def _statement(agent_kind: str, join: str = "") -> str:
    """One pass over the hits, and one over the messages for those that did not arrive or left without the picture.

    `+ 0` keeps PostgreSQL from going to each hit by an index for a condition that all of them fulfil.
    """
    by_people = f"h.kind = '{HitKind.UNSUBSCRIBE}' AND {agent_kind} <> '{AgentKind.MACHINE}'"
    return f"""
    WITH apart AS MATERIALIZED (
        SELECT seq, status = {S.SENT} AS is_mute FROM deliveries_message
        WHERE delivery_id = %(delivery)s AND (status <> {S.SENT} OR tracked & {Tracked.OPENS:d} = 0)
    ), hit AS (
        SELECT h.seq, {_code(agent_kind)} + CASE WHEN apart.is_mute THEN {_MUTE} ELSE 0 END AS code
        FROM feedback_hit h {join} LEFT JOIN apart ON apart.seq = h.seq
        WHERE h.delivery_id = %(delivery)s
            AND h.seq + 0 <= (SELECT max(seq) FROM deliveries_message WHERE delivery_id = %(delivery)s)
            AND apart.is_mute IS NOT FALSE
    ), either AS (
        SELECT seq, code, bit_or(1 << code) AS signs, count(*) AS hits
        FROM hit GROUP BY GROUPING SETS ((seq), (code))
    )
    SELECT code, CASE WHEN code IS NULL THEN signs END AS signs,
        CASE WHEN code IS NULL THEN count(*) ELSE sum(hits)::bigint END, NULL::jsonb
    FROM either GROUP BY 1, 2
    UNION ALL
    SELECT {_REST}, NULL, (
        SELECT count(DISTINCT r.seq) FROM feedback_report r
        JOIN deliveries_message m ON m.delivery_id = r.delivery_id AND m.seq = r.seq AND m.status = {S.SENT}
        WHERE r.delivery_id = %(delivery)s AND r.is_current AND r.evidence = '{Report.Evidence.UNSUBSCRIBE}'
            AND NOT EXISTS (
                SELECT FROM feedback_hit h {join}
                WHERE h.delivery_id = r.delivery_id AND h.seq = r.seq AND {by_people}
            )
    ), (SELECT to_jsonb(s) FROM reporting_deliverystatistics s WHERE s.delivery_id = %(delivery)s)
    """


_STORED = _statement("h.agent_kind")
_REREAD = _statement(
    "coalesce(again.agent_kind, h.agent_kind)", "LEFT JOIN reread_hit again ON again.id = h.id"
)
