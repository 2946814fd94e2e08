"""What waits in this host's segments becomes rows of the tracking log: each hit once, however often it is brought."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from audiences import tracking
from audiences.tracking import Tracked
from deliveries.ledger import addressees
from deliveries.lifecycle import groups
from feedback import outage, unsubscribes
from feedback.hits import evidence, segments
from feedback.hits.arrivals import IncomingHit, read
from feedback.models import HitKind
from feedback.readers import classes, judging
from feedback.readers.judging import Judge

logger = logging.getLogger(__name__)

AT_ONCE = 2_000  # rows of one transaction
SECONDS_AT_MOST = 30.0  # for one transaction: nobody waits for it

_OF_THE_DATA = ("22", "23")  # SQLSTATE: a value that can't be, a constraint

_COLUMNS = {
    "delivery_key": "bigint", "id": "uuid", "seq": "integer", "kind": "text", "link": "smallint", "at": "timestamptz",
    "agent": "text", "network": "text", "method": "text", "is_prefetch": "boolean", "agent_sign": "text",
    "network_kind": "text",
}  # fmt: skip
_PATIENCE = "SET LOCAL lock_timeout = '2s'"
_STAGE = f"""
{_PATIENCE};
CREATE TEMPORARY TABLE IF NOT EXISTS arriving_hit (
    {", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}
) ON COMMIT DROP;
TRUNCATE arriving_hit
"""
_COPY = f"COPY arriving_hit ({', '.join(_COLUMNS)}) FROM STDIN"
# The same for one hit alone, whose reader waits: making a table takes longer than all the rest.
_ALONE = f"""
WITH arriving_hit ({", ".join(_COLUMNS)}) AS (
    SELECT {", ".join(f"%({name})s::{kind}" for name, kind in _COLUMNS.items())}
)
"""
# What an earlier run brought in is done: the wish may have changed since.
_NEW = """
SELECT d.id FROM deliveries_delivery d WHERE d.key = %s AND d.status = ANY(%s)
AND NOT EXISTS (SELECT FROM feedback_hit h WHERE h.delivery_id = d.id AND h.id = %s)
"""
# Of whom a message must not measure, or who refused since it left, nothing is kept and nothing is proved; a wish is.
_MESSAGE = f"""
LEFT JOIN LATERAL (
    SELECT m.status, m.code, m.at, m.tracked & {tracking.not_refused("m.profile_id")} AS tracked
    FROM deliveries_message m WHERE m.delivery_id = d.id AND m.seq = a.seq OFFSET 0
) m ON true
"""
# A message that is gone by a retention period was measured, as its link was followed; since then its reader may have
# refused.
_OF_GONE = f"""(
    SELECT {tracking.not_refused("w.id")}
    FROM (SELECT ({addressees.by_message(delivery="d.id", seq="a.seq")}) AS id OFFSET 0) w
)"""
_IS_KEPT = f"""(
    a.kind = '{HitKind.UNSUBSCRIBE}' OR coalesce(m.tracked, {_OF_GONE})
        & CASE a.kind WHEN '{HitKind.CLICK}' THEN {Tracked.CLICKS:d} ELSE {Tracked.OPENS:d} END <> 0
)"""
_INSERT = f"""
INSERT INTO feedback_hit
    (delivery_id, id, seq, kind, link, at, agent, network, method, is_prefetch, after, agent_kind)
SELECT d.id, a.id, a.seq, a.kind, a.link, t.at, a.agent, a.network, a.method, a.is_prefetch, t.after,
    {classes.by_itself("a", agent="a.agent_sign", network="a.network_kind", after="t.after")}
FROM arriving_hit a JOIN deliveries_delivery d ON d.key = a.delivery_key AND d.status = ANY(%(begun)s)
{_MESSAGE}
CROSS JOIN LATERAL (
    SELECT a.at + sinete_offset() AS at, {classes.after("(a.at + sinete_offset())", "m")} AS after
) t
WHERE {_IS_KEPT}
ORDER BY a.id
ON CONFLICT DO NOTHING
"""
_WHICH = "h.seq = ANY(%(seqs)s)"
_SWEEP = f"""
WITH {classes.swept(_WHICH)}
UPDATE feedback_hit h SET agent_kind = {classes.MACHINE} FROM swept s
WHERE h.delivery_id = %(delivery)s AND {_WHICH} AND {classes.OF_SWEEP} AND h.agent_kind <> {classes.MACHINE}
"""
_WHOSE = f"""
SELECT DISTINCT d.id, a.seq, a.kind
FROM arriving_hit a JOIN deliveries_delivery d ON d.key = a.delivery_key AND d.status = ANY(%(begun)s)
{_MESSAGE} WHERE {_IS_KEPT}
"""


def bring_in(*, held: bool = True) -> int:
    """What waited is in the tracking log, each hit once, and opt-outs have taken effect; return how many.

    Raise Away if the database is away or takes nothing; nothing is lost then. A hit that can't be stored waits on by
    itself, and holds up no other; with `held` those that waited so are tried again.
    """
    outage.forget()
    with segments.taken(held=held) as paths:
        return sum(_bring(path) for path in paths)


def take(arrival: IncomingHit) -> None:
    """The hit is in the tracking log; an opt-out has taken effect, by the same commit. What is gone has no hits.

    Where the hit could not be stored, what went wrong is raised, and the opt-out has taken effect all the same.
    """
    if arrival.kind != HitKind.UNSUBSCRIBE:
        _take_many([arrival])
        return
    found: list[tuple[int, int, str]] = []
    failure: Exception | None = None
    with transaction.atomic():
        _opt_out(arrival)
        try:
            found = _insert_alone(arrival)
        except Exception as error:
            failure = error
    if failure is not None:
        raise failure
    _prove(found)


def _opt_out(arrival: IncomingHit) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [arrival.delivery_key, [str(status) for status in groups.BEGUN], arrival.id])
        found = cursor.fetchone()
    if found is not None:
        unsubscribes.opt_out(
            delivery_id=found[0], seq=arrival.seq, at=arrival.at, network=arrival.signs.network
        )


def _take_many(arrivals: Iterable[IncomingHit]) -> None:
    _prove(_insert(arrivals))


def _prove(found: list[tuple[int, int, str]]) -> None:
    for delivery_id, seq, kind in found:
        evidence.apply(delivery_id=delivery_id, seq=seq, kind=HitKind(kind))


def _insert(arrivals: Iterable[IncomingHit]) -> list[tuple[int, int, str]]:
    """The hits have rows; return the delivery, the number and the kind of those whose message may be in doubt."""
    judge = judging.at_hand()
    slots = _slots(judge)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with connection.wrap_database_errors, cursor.copy(_COPY) as target:
            for one in arrivals:
                target.write_row(_row(one, judge))
        cursor.execute(_INSERT, slots)
        cursor.execute(_WHOSE, slots)
        found = cursor.fetchall()
        _sweep(found, judge)
        return evidence.open_among(found)


def _insert_alone(one: IncomingHit) -> list[tuple[int, int, str]]:
    """The same for an opt-out by itself, which no sweep can belong to."""
    judge = judging.at_hand()
    slots = _slots(judge) | dict(zip(_COLUMNS, _row(one, judge), strict=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PATIENCE)
        cursor.execute(_ALONE + _INSERT, slots)
        cursor.execute(_ALONE + _WHOSE, slots)
        return evidence.open_among(cursor.fetchall())


def _slots(judge: Judge) -> dict[str, Any]:
    return {
        "begun": [str(status) for status in groups.BEGUN],
        "proxy_seconds": judge.rules.proxy_seconds,
    }


def _row(one: IncomingHit, judge: Judge) -> tuple[Any, ...]:
    of, link = one.signs, one.link
    return (
        one.delivery_key, one.id, one.seq, str(one.kind), link, one.at, of.agent, of.network, of.method, of.is_prefetch,
        judge.sign(of.agent), judge.kind(of.network),
    )  # fmt: skip


def _sweep(found: Iterable[tuple[int, int, str]], judge: Judge) -> None:
    """Whoever followed all links of a message within seconds is a machine, also by what was brought in before."""
    clicked: dict[int, set[int]] = defaultdict(set)
    for delivery_id, seq, kind in found:
        if kind == HitKind.CLICK:
            clicked[delivery_id].add(seq)
    for delivery_id, seqs in sorted(clicked.items()):
        sweep = judge.sweep(delivery_id)
        if sweep["seconds"] is not None:
            with connection.cursor() as cursor:
                cursor.execute(_SWEEP, {"delivery": delivery_id, "seqs": sorted(seqs), **sweep})


def _bring(path: Path) -> int:
    brought, refused = 0, []
    with path.open(encoding="utf-8", errors="replace") as file:
        while lines := [line.rstrip("\n") for line in islice(file, AT_ONCE)]:
            stored, left = _bring_lines(lines)
            brought += stored
            refused += left
    if refused:
        logger.warning("%s hits could not be stored, they wait on", len(refused))
        segments.hold(path, refused)
    else:
        path.unlink(missing_ok=True)
    return brought


def _bring_lines(lines: list[str]) -> tuple[int, list[str]]:
    """How many have rows now, and the lines of those that were refused. Raise Away."""
    found = [(line, arrival) for line in lines if (arrival := read(line)) is not None]
    together = [(line, arrival) for line, arrival in found if arrival.kind != HitKind.UNSUBSCRIBE]
    alone = [(line, arrival) for line, arrival in found if arrival.kind == HitKind.UNSUBSCRIBE]
    try:
        if together:
            with outage.reach("recording", seconds=SECONDS_AT_MOST):
                _take_many(arrival for _line, arrival in together)
    except outage.NotDone as error:
        if not _is_of_the_data(error):
            raise
        alone, together = found, []  # one of them holds up the others: which one is found out singly
    except outage.Away:
        raise
    except Exception:
        logger.exception("hits could not be stored together")
        alone, together = found, []
    refused = list(_refused(alone))
    return len(together) + len(alone) - len(refused), refused


def _refused(found: list[tuple[str, IncomingHit]]) -> Iterator[str]:
    for line, arrival in found:
        try:
            with outage.reach("recording"):
                take(arrival)
        except outage.NotDone as error:
            if not _is_of_the_data(error):
                raise
            yield line
        except outage.Away:
            raise
        except Exception:
            logger.exception("a hit could not be stored, it waits on")
            yield line


def _is_of_the_data(error: outage.NotDone) -> bool:
    """Whether the database refused these very rows; else it takes nothing now, and everything waits."""
    code = getattr(error.__cause__ and error.__cause__.__cause__, "sqlstate", None) or ""
    return code.startswith(_OF_THE_DATA)
