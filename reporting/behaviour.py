"""What people did with a delivery, counted from the raw hits, and how many hits were people's and machines'."""

from typing import Any

from django.db import connection

from audiences.tracking import Tracked
from deliveries.models import MessageStatus as S
from feedback.agents import AgentKind
from feedback.models import HitKind, Report

BEHAVIOUR = ("opens", "openers", "clicks", "clickers", "mirror_views", "unsubscribers")
_EACH = [(kind, each) for kind in HitKind.values for each in AgentKind.values]


def behaviour(delivery_id: int, *, reread: bool = False) -> dict[str, Any]:
    """What people did, counted from the raw hits. Machines are left out; so is whoever got nothing.

    One message goes to one person, so people are counted by message. Whoever clicked, opened the mirror page
    or opted out by the link has opened, whether or not the picture was loaded; whoever did so by mail need not have.
    Of a message that left without the picture no open counts.
    `by_class` has, of each kind of hit and each class, how many there are and of how many messages. With `reread` the
    hits in the table `reread_hit` have the class that they have there.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REREAD if reread else _STORED, {"delivery": delivery_id})
        row = [int(each) for each in cursor.fetchone()]
    counted: dict[str, Any] = dict(zip(BEHAVIOUR, row, strict=False))
    pairs = iter(row[len(BEHAVIOUR) :])
    counted["by_class"] = {kind: {} for kind in HitKind.values}
    for (kind, each), hits, messages in zip(_EACH, pairs, pairs, strict=True):
        counted["by_class"][kind][each] = [hits, messages]
    return counted


# A class that is not known any more is one that was never sure.
_IS = {
    AgentKind.HUMAN.value: f"= '{AgentKind.HUMAN}'",
    AgentKind.MACHINE.value: f"= '{AgentKind.MACHINE}'",
    AgentKind.UNSURE.value: f"NOT IN ('{AgentKind.HUMAN}', '{AgentKind.MACHINE}')",
}


def _statement(agent_kind: str, join: str = "") -> str:
    each = ",\n".join(
        f"count(*) FILTER (WHERE kind = '{kind}' AND agent_kind {_IS[who]}) AS {kind}_{who}"
        for kind, who in _EACH
    )
    by_people = ", ".join(f"{kind}_human + {kind}_unsure AS {kind}s" for kind in HitKind.values)
    sums = ", ".join(
        f"coalesce(sum({kind}_{who}), 0), count(*) FILTER (WHERE {kind}_{who} > 0)" for kind, who in _EACH
    )
    return f"""
    WITH message AS (
        SELECT seq, {each} FROM (
            SELECT h.seq, h.kind, {agent_kind} AS agent_kind
            FROM feedback_hit h {join} WHERE h.delivery_id = %(delivery)s
        ) hit GROUP BY seq
    ), person AS (
        SELECT each.*, opens + clicks + mirrors + unsubscribes > 0 AND m.tracked & {Tracked.OPENS:d} <> 0 AS reacted
        FROM (SELECT *, {by_people} FROM message) each
        JOIN deliveries_message m ON m.delivery_id = %(delivery)s AND m.seq = each.seq AND m.status = {S.SENT}
    )
    SELECT coalesce(sum(greatest(opens, 1)) FILTER (WHERE reacted), 0), count(*) FILTER (WHERE reacted),
        coalesce(sum(clicks), 0), count(*) FILTER (WHERE clicks > 0), coalesce(sum(mirrors), 0), (
            SELECT count(*) FROM (
                SELECT seq FROM person WHERE unsubscribes > 0
                UNION
                SELECT r.seq FROM feedback_report r
                JOIN deliveries_message m
                    ON m.delivery_id = r.delivery_id AND m.seq = r.seq AND m.status = {S.SENT}
                WHERE r.delivery_id = %(delivery)s AND r.is_current AND r.evidence = '{Report.Evidence.UNSUBSCRIBE}'
            ) gone
        ), {sums}
    FROM person
    """


_STORED = _statement("h.agent_kind")
_REREAD = _statement("coalesce(r.agent_kind, h.agent_kind)", "LEFT JOIN reread_hit r ON r.id = h.id")
