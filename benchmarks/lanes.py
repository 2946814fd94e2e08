"""`make bench-lanes`: how long *Pause* waits while many lanes exchange, and what their locks cost PostgreSQL.

Each lane does what a sending one does to the ledger, four times a second: it stores the result of the row before
and hands over the next. With `--hung` one more holds its exchange open and says nothing, as a frozen process does.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from contextlib import suppress
from typing import Any

import psycopg

from campaign.stack import crashes
from campaign.stack.temporary import Stack, temporary_stack

ROWS_OF_A_LANE = 250  # a chunk's
EVERY = 0.25  # seconds between two exchanges of a lane
PAUSES = 12
LANES_OF_A_PROCESS = 50


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    with temporary_stack(LOG_LEVEL="ERROR", SINETE_CHUNK_ROWS=str(ROWS_OF_A_LANE)) as stack:
        _allow_many(stack)
        os.environ.update(stack.env)
        import django

        django.setup()
        results = [_measure(stack, lanes, hung=args.hung) for lanes in args.lanes]
    print(json.dumps(results) if args.as_json else "\n".join(_in_words(one) for one in results))
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-lanes", description=__doc__)
    parser.add_argument("--lanes", type=int, nargs="+", default=[2, 50, 200], help="how many (2 50 200)")
    parser.add_argument(
        "--hung", action="store_true", help="one more lane hangs in the middle of an exchange"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON array")
    return parser.parse_args(argv)


def _allow_many(stack: Stack) -> None:
    """More connections than PostgreSQL has by default; it begins anew for that."""
    with psycopg.connect(stack.database_url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET max_connections = 300")
    crashes.crash_postgres(stack.folder / "postgres")
    crashes.recover_postgres(stack.folder / "postgres")


def _measure(stack: Stack, lanes: int, *, hung: bool) -> dict[str, Any]:
    from django.db import connections

    from audiences.models import Profile
    from benchmarks import audience
    from deliveries.sending import gate

    known = Profile.objects.count()
    audience.people(lanes * ROWS_OF_A_LANE, beyond=known)
    delivery = audience.ready_delivery(f"{lanes} lanes")
    audience.confirm(delivery)
    gate.begin(delivery.pk)
    connections.close_all()
    stop, up = multiprocessing.Event(), multiprocessing.Semaphore(0)
    groups = [min(LANES_OF_A_PROCESS, lanes - at) for at in range(0, lanes, LANES_OF_A_PROCESS)]
    processes = [
        multiprocessing.Process(target=_run_lanes, args=(delivery.pk, number, stop, up)) for number in groups
    ]
    for process in processes:
        process.start()
    for _lane in range(lanes):
        up.acquire(timeout=60)
    hanging = _hang(stack, delivery.pk) if hung else None
    try:
        return {"lanes": lanes, "hung": int(hung), **_pauses(stack, delivery)}
    finally:
        stop.set()
        for process in processes:
            process.join(30)
        if hanging is not None:
            with suppress(psycopg.Error):
                hanging.close()


def _run_lanes(delivery_id: int, number: int, stop: Any, up: Any) -> None:
    asyncio.run(_all_lanes(delivery_id, number, stop, up))


async def _all_lanes(delivery_id: int, number: int, stop: Any, up: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for each in range(number):
            group.create_task(_lane(delivery_id, f"{os.getpid()}.{each}", stop, up))


async def _lane(delivery_id: int, name: str, stop: Any, up: Any) -> None:
    from deliveries.models import MessageStatus
    from deliveries.sending.exchange import Ledger
    from deliveries.sending.rows import Entry

    ledger = await Ledger.connect(delivery_id=delivery_id, lane=name)
    hold = await ledger.claim()
    assert hold is not None
    up.release()
    entries: list[Entry] = []
    while not stop.is_set():
        answer = await ledger.exchange([hold], entries, hand=hold, window=1)
        entries = [Entry(row, MessageStatus.SENT, 250, reply="250 taken") for row in answer.rows]
        await asyncio.sleep(EVERY * random.uniform(0.6, 1.4))
    await ledger.close()


def _hang(stack: Stack, delivery_id: int) -> "psycopg.Connection[Any]":
    """A lane that was frozen in the middle of an exchange; PostgreSQL's half of its patience is what remains."""
    from deliveries.ledger import barrier

    frozen = psycopg.connect(stack.database_url, autocommit=True)
    frozen.execute(f"SET idle_in_transaction_session_timeout = '{round(barrier.lane_patience() * 1000)}ms'")
    frozen.execute("BEGIN")
    frozen.execute("SELECT pg_advisory_xact_lock_shared(%s)", [barrier.key_of(delivery_id)])
    return frozen


def _pauses(stack: Stack, delivery: Any) -> dict[str, Any]:
    from benchmarks import audience
    from campaign.lib import clock
    from deliveries.sending import control

    by, waits = audience.person(), []
    before, began = _members(stack), time.monotonic()
    for _number in range(PAUSES):
        at = time.monotonic()
        control.pause(delivery=delivery, by=by, at=clock.now())
        waits.append(time.monotonic() - at)
        control.resume(delivery=delivery, by=by, at=clock.now())
        time.sleep(0.3)
    seconds = time.monotonic() - began
    return {
        "pause_ms_median": round(statistics.median(waits) * 1000, 1),
        "pause_ms_most": round(max(waits) * 1000, 1),
        "multixact_members_per_s": round((_members(stack) - before) / seconds, 1),
    }


def _members(stack: Stack) -> int:
    with psycopg.connect(stack.database_url, autocommit=True) as admin:
        admin.execute("CHECKPOINT")
        row = admin.execute("SELECT next_multi_offset::text::bigint FROM pg_control_checkpoint()").fetchone()
        assert row is not None
        return row[0]


def _in_words(one: dict[str, Any]) -> str:
    who = f"{one['lanes']:4} lanes{', one hangs' if one['hung'] else ''}"
    waits = f"{one['pause_ms_median']} ms at the median, {one['pause_ms_most']} ms at the most"
    return f"{who}: a pause waits {waits}; {one['multixact_members_per_s']} multixact members a second"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
