"""`make bench-kpis`: what *Compute stats* costs beside the bare GROUP BY of the same rows.

One delivery gets so many messages and hits, of all kinds and by people and machines, laid in the database as a send and
its readers would have left them. Then, in turn: the bare `GROUP BY` of its messages by status and of its hits by
message, kind and class, the same in as much memory as a recount takes, and the whole recount. The best of several
rounds of each is compared; the recount must find the very numbers that were laid down. Ends with 1 where it does not,
or where it costs more than the goal.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from campaign.stack.temporary import Stack, temporary_stack

GOAL = 1.2

# By the place of a message among seven and of a hit among three: opens mostly, each fifth hit a machine's.
_MESSAGES = """
    INSERT INTO deliveries_message SELECT r.*
    FROM deliveries_message m, generate_series(2, %(messages)s) g,
        LATERAL jsonb_populate_record(m, jsonb_build_object('seq', g)) r
    WHERE m.delivery_id = %(delivery)s AND m.seq = 1
"""
_HITS = """
    INSERT INTO feedback_hit (delivery_id, id, seq, kind, link, at, agent, agent_kind)
    SELECT %(delivery)s, (
            lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(g), 15, '0')
        )::uuid, 1 + g %% %(messages)s,
        CASE WHEN g %% 7 < 4 THEN 'open' WHEN g %% 7 < 6 THEN 'click' ELSE 'mirror' END,
        CASE WHEN g %% 7 IN (4, 5) THEN g %% 3 END, now(), 'Mozilla/5.0',
        CASE g %% 5 WHEN 0 THEN 'machine' WHEN 1 THEN 'unsure' ELSE 'human' END
    FROM generate_series(0, %(hits)s - 1) g
"""
_CHUNKS = (
    """
    UPDATE deliveries_chunk SET seq_to = least(1000, %(messages)s), handed_upto = least(1000, %(messages)s),
        sent = least(1000, %(messages)s), lease_until = NULL, lease_by = ''
    WHERE delivery_id = %(delivery)s
    """,
    """
    INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, handed_upto, sent)
    SELECT delivery_id, g + 1, g * 1000 + 1, last, digest, last, last - g * 1000
    FROM deliveries_chunk, generate_series(1, (%(messages)s - 1) / 1000) g,
        LATERAL (SELECT least((g + 1) * 1000, %(messages)s) AS last) l
    WHERE delivery_id = %(delivery)s AND number = 1
    """,
)
_BARE = (
    "SELECT status, count(*) FROM deliveries_message WHERE delivery_id = %(delivery)s GROUP BY status",
    "SELECT count(*) FROM (SELECT seq, kind, agent_kind, count(*) FROM feedback_hit WHERE delivery_id = %(delivery)s"
    " GROUP BY seq, kind, agent_kind) each",
)
_EXPECTED = """
    SELECT count(*) FILTER (WHERE kind = 'click'), count(DISTINCT seq) FILTER (WHERE kind = 'click'),
        count(DISTINCT seq)
    FROM feedback_hit WHERE delivery_id = %(delivery)s AND agent_kind <> 'machine'
"""


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    with temporary_stack(LOG_LEVEL="ERROR") as stack:
        result = _measure(stack, args)
    result["goal"], result["reached"] = GOAL, result["ratio"] <= GOAL and result["right"]
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0 if result["reached"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-kpis", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the delivery (1000000)")
    parser.add_argument("--hits", type=int, default=3_000_000, help="of the delivery (3000000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best is told (3)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if args.messages < 2 or args.hits < 1 or args.rounds < 1:
        parser.error("at least 2 messages, 1 hit and 1 round")
    return args


def _measure(stack: Stack, args: argparse.Namespace) -> dict[str, Any]:
    os.environ.update(stack.env)
    import django

    django.setup()
    from benchmarks import audience
    from campaign.lib import clock
    from reporting.counting import statistics
    from reporting.counting.behaviour import MEMORY

    audience.people(1)
    delivery = audience.ready_delivery("Counted")
    audience.confirm(delivery)
    _lay(delivery.pk, args)
    by = audience.person()

    def recount() -> dict[str, int]:
        run = statistics.ask(delivery=delivery, by=by, at=clock.now())
        return statistics.compute(run_id=run.pk).new

    slots = {"delivery": delivery.pk}
    bare, in_memory, recounted = [], [], []
    found: dict[str, int] = {}
    for _round in range(args.rounds):
        bare.append(_seconds(lambda: [_ask(each, slots) for each in _BARE])[0])
        in_memory.append(_seconds(lambda: [_ask(each, slots, memory=MEMORY) for each in _BARE])[0])
        seconds, found = _seconds(recount)
        recounted.append(seconds)
    expected = _ask(_EXPECTED, slots)[0]
    counted = (found["clicks"], found["clickers"], found["openers"])
    return {
        "messages": args.messages,
        "hits": args.hits,
        "bare_s": round(min(bare), 3),
        "bare_in_memory_s": round(min(in_memory), 3),
        "recount_s": round(min(recounted), 3),
        "ratio": round(min(recounted) / min(bare), 3),
        "rounds": {
            name: [round(each, 2) for each in rounds]
            for name, rounds in {"bare": bare, "in_memory": in_memory, "recount": recounted}.items()
        },
        "right": counted == expected and found["delivered"] == args.messages,
    }


def _lay(delivery_id: int, args: argparse.Namespace) -> None:
    """The rows are there, as whoever counts them finds them: vacuumed, with statistics."""
    from django.db import connection, transaction

    slots = {"delivery": delivery_id, "messages": args.messages, "hits": args.hits}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE deliveries_message SET status = 1, code = 250, at = now(), tries = 1")
        for statement in (_MESSAGES, _HITS, *_CHUNKS):
            cursor.execute(statement, slots)
        cursor.execute(
            "UPDATE deliveries_delivery SET status = 'finished', started_at = now(), ended_at = now()"
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE deliveries_message, feedback_hit, deliveries_chunk")


def _ask(statement: str, slots: dict[str, Any], *, memory: str = "") -> list[Any]:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        if memory:
            cursor.execute("SELECT set_config('work_mem', %s, true)", [memory])
        cursor.execute(statement, slots)
        return cursor.fetchall()


def _seconds(what: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    answer = what()
    return time.perf_counter() - began, answer


def _as_text(result: dict[str, Any]) -> str:
    return (
        f"{result['messages']:,} messages, {result['hits']:,} hits: recounted in {result['recount_s']:.2f} s, the bare"
        f" GROUP BY takes {result['bare_s']:.2f} s: {result['ratio']:.2f} × (goal {GOAL} ×)"
        + ("" if result["right"] else "\nTHE FIGURES ARE WRONG")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
