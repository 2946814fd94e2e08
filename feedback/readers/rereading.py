"""Hits that are there are judged anew, message by message: what would become of them, or what does."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Max

from feedback.models import Hit, HitKind
from feedback.readers import classes
from feedback.readers.judging import Judge

AT_ONCE = 10_000  # messages of one statement
_WHICH = "h.seq BETWEEN %(first)s AND %(last)s"

# What counts as a machine's since its method was not kept stays so: it may have been found by that.
_JUDGED = f"""
WITH {classes.swept(_WHICH)}, judged AS (
    SELECT h.id, h.kind, h.agent_kind AS was, CASE
        WHEN s.seq IS NOT NULL THEN {classes.MACHINE}
        WHEN h.method = '' AND h.agent_kind = {classes.MACHINE} AND h.kind <> '{HitKind.UNSUBSCRIBE}'
            THEN {classes.MACHINE}
        ELSE {classes.by_itself("h", agent="a.sign", network="n.kind", after="l.after")} END AS now
    FROM feedback_hit h
    JOIN unnest(%(agents)s::text[], %(signs)s::text[]) a (agent, sign) ON a.agent = h.agent
    JOIN unnest(%(networks)s::text[], %(kinds)s::text[]) n (network, kind) ON n.network = h.network
    LEFT JOIN deliveries_message m ON m.delivery_id = h.delivery_id AND m.seq = h.seq
    CROSS JOIN LATERAL (SELECT coalesce(h.after, {classes.after("h.at", "m")}) AS after) l
    LEFT JOIN swept s ON {classes.OF_SWEEP}
    WHERE h.delivery_id = %(delivery)s AND {_WHICH}
)"""
_COUNT = "SELECT kind, was, now, count(*) FROM judged GROUP BY kind, was, now"
_REMEMBER = f"""{_JUDGED}, remembered AS (
    INSERT INTO reread_hit (id, agent_kind) SELECT id, now FROM judged WHERE was <> now
) {_COUNT}"""
_CHANGE = f"""{_JUDGED}, changed AS (
    UPDATE feedback_hit h SET agent_kind = j.now FROM judged j
    WHERE h.delivery_id = %(delivery)s AND h.id = j.id AND j.was <> j.now
) {_COUNT}"""
_REREAD = """
CREATE TEMPORARY TABLE IF NOT EXISTS reread_hit (id uuid PRIMARY KEY, agent_kind text) ON COMMIT DROP;
TRUNCATE reread_hit
"""

Moves = Counter[tuple[str, str, str]]  # kind of the hit, its class before, its class after: how many


def preview(delivery_id: int, judge: Judge) -> Moves:
    """Return what would become of the delivery's hits; those that would change stand in the table `reread_hit`.

    That table lasts for the caller's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REREAD)
    found: Moves = Counter()
    for first, last in batches(delivery_id):
        found += _run(_REMEMBER, delivery_id, first, last, judge)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE reread_hit")
    return found


def change(delivery_id: int, first: int, last: int, judge: Judge) -> Moves:
    """The hits of these messages have the classes that the rules give them; return what became of them."""
    return _run(_CHANGE, delivery_id, first, last, judge)


def batches(delivery_id: int) -> Iterator[tuple[int, int]]:
    """The messages of a delivery that anything came back of, in runs of their numbers."""
    most = Hit.objects.filter(delivery_id=delivery_id).aggregate(most=Max("seq"))["most"] or 0
    for first in range(1, most + 1, AT_ONCE):
        yield first, min(first + AT_ONCE - 1, most)


def _run(statement: str, delivery_id: int, first: int, last: int, judge: Judge) -> Moves:
    rows = Hit.objects.filter(delivery_id=delivery_id, seq__gte=first, seq__lte=last)
    agents = list(rows.values_list("agent", flat=True).distinct().order_by())
    networks = list(rows.values_list("network", flat=True).distinct().order_by())
    slots: dict[str, Any] = {
        "delivery": delivery_id, "first": first, "last": last,
        "agents": agents, "signs": [judge.sign(agent) for agent in agents],
        "networks": networks, "kinds": [judge.kind(network) for network in networks],
        "proxy_seconds": judge.rules.proxy_seconds, **judge.sweep(delivery_id),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(statement, slots)
        return Counter({(kind, was, now): number for kind, was, now, number in cursor.fetchall()})
