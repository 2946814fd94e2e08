"""`make bench-tick`: what a tick costs beside so many deliveries, and how soon many that are due at once are sending.

Deliveries of one recipient are copied in the database: each a quarter sending (a lane has it in hand), paused,
waiting for a confirmation and scheduled for later, so that nothing is due. Then one with many open chunks stands
alone. At last many are due in the same second, with the processes of the Procfile running.
"""

import argparse
import json
import os
import statistics
import sys
import time
from contextlib import ExitStack
from typing import Any

import redis

from campaign.stack.temporary import Stack, temporary_stack

BASE = 1_000_000  # ids of copies begin here
PROCESSES = ("steps", "counts", "tick", "send", "send", "cron")
PATIENCE = 120.0
STATUSES = ("sending", "paused", "ready", "scheduled")
COPIED = {
    "deliveries_delivery": {"id": "{id}", "key": "{id}", "preparation_id": "{id}", "status": "{status}",
                            "contact_date": "{date}", "schedule_kind": "'at_date'", "started_at": "{started}"},
    "deliveries_preparation": {"id": "{id}", "delivery_id": "{id}"},
    "deliveries_confirmation": {"id": "{id}", "delivery_id": "{id}", "preparation_id": "{id}"},
    "deliveries_chunk": {"delivery_id": "{id}", "token": "{token}", "lease_until": "{lease}",
                         "lease_by": "'lane ' || g"},
    "deliveries_message": {"delivery_id": "{id}"},
}  # fmt: skip


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    result: dict[str, Any] = {"beside": [], "due_at_once": {}}
    with temporary_stack(LOG_LEVEL="ERROR") as stack:
        bench = _Bench(stack, args.ticks)
        for number in args.deliveries:
            result["beside"].append({"deliveries": number, **bench.beside(number)})
        result["open_chunks"] = {"chunks": args.chunks, **bench.with_open_chunks(args.chunks)}
        result["due_at_once"] = bench.due_at_once(args.due)
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-tick", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--deliveries", type=int, nargs="*", default=[0, 100, 1_000, 10_000],
        help="how many there are of each: sending, paused, waiting, scheduled (0 100 1000 10000)",
    )  # fmt: skip
    parser.add_argument("--chunks", type=int, default=100_000, help="open chunks of one delivery (100000)")
    parser.add_argument("--due", type=int, default=500, help="deliveries due in the same second (500)")
    parser.add_argument("--ticks", type=int, default=7, help="ticks of which the median is told (7)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    return parser.parse_args(argv)


class _Bench:
    """A stack without processes, one delivery to copy, and its copies."""

    def __init__(self, stack: Stack, ticks: int) -> None:
        os.environ.update(stack.env)
        import django

        django.setup()
        from benchmarks import audience

        self.stack, self.ticks, self.there, self.audience = stack, ticks, 0, audience
        self.valkey = redis.Redis.from_url(stack.env["REDIS_URL"])
        audience.people(1)
        self.model = audience.ready_delivery("Copied")
        audience.confirm(self.model)

    def beside(self, number: int) -> dict[str, Any]:
        """A tick beside so many of each kind, none of which has anything to do."""
        for place, status in enumerate(STATUSES):
            started = status in ("sending", "paused")
            lease = _in("1 hour") if status == "sending" else "NULL"
            self._copy(
                self.there, number, shift=place * BASE, status=f"'{status}'", lease=lease,
                date=_in("-1 minute") if started else _in("1 day"), started=_in("-1 minute") if started else "NULL",
            )  # fmt: skip
        self.there = max(self.there, number)
        return self._measured()

    def with_open_chunks(self, number: int) -> dict[str, Any]:
        """A tick beside one delivery with so many open chunks, of which its lanes have two in hand."""
        self._forget()
        self._copy(
            0, 1, shift=0, status="'sending'", date=_in("-1 minute"), started=_in("-1 minute"), lease="NULL"
        )
        self._run(
            "INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, token, lease_until, lease_by,"
            " handed_upto) SELECT %s, 1 + g, 1 + g, 1 + g, '', (g <= 2)::int,"
            f" CASE WHEN g <= 2 THEN {_in('1 hour')} END, CASE WHEN g <= 2 THEN 'lane ' || g ELSE '' END, g"
            " FROM generate_series(1, %s) g",
            [BASE + 1, number],
        )
        return self._measured()

    def due_at_once(self, number: int) -> dict[str, Any]:
        """From the second in which so many are due until all of them are sending."""
        from campaign.lib import clock

        self._forget()
        with ExitStack() as running:
            running.callback(self.stack.stop)
            for name in PROCESSES:
                self.stack.start(name)
            self._until(lambda: self._heard() >= len(PROCESSES) - 1, "the processes run")
            self._copy(
                0, number, shift=0, status="'scheduled'", date=_in("8 seconds"), started="NULL", lease="NULL"
            )
            due = self._value("SELECT min(contact_date) FROM deliveries_delivery WHERE id > %s", [BASE])
            before = self._bytes()
            moments = {}
            for share in (0.01, 0.5, 1.0):
                wanted = max(1, round(number * share))
                self._until(lambda wanted=wanted: self._sending() >= wanted, f"{wanted} are sending")
                moments[share] = round((clock.now() - due).total_seconds(), 2)
            out = self._bytes() - before
        return {"deliveries": number, "first_s": moments[0.01], "half_s": moments[0.5], "all_s": moments[1.0],
                "valkey_bytes": out}  # fmt: skip

    # -- how -----------------------------------------------------------------------------------------

    def _measured(self) -> dict[str, Any]:
        from django.db import connection

        from deliveries.tick import look

        self._run("ANALYZE")
        self.valkey.flushdb()
        look.tick()  # the first opens the connection, and asks for what was never asked for
        told: list[tuple[float, int, int]] = []
        for _number in range(self.ticks):
            count, before, began = _Count(), self._bytes(), time.perf_counter()
            with connection.execute_wrapper(count):
                look.tick()
            told.append((time.perf_counter() - began, count.statements, self._bytes() - before))
        times, statements, numbers = zip(*told, strict=True)
        return {
            "statements": statistics.median(statements), "ms": round(statistics.median(times) * 1000, 1),
            "slowest_ms": round(max(times) * 1000, 1), "valkey_bytes": round(statistics.median(numbers)),
        }  # fmt: skip

    def _copy(self, have: int, number: int, *, shift: int, **how: str) -> None:
        """The model delivery once for each number above `have`, past all triggers."""
        token = "1" if how["status"] == "'sending'" else "0"
        slots = {**how, "id": f"{BASE + shift} + g", "token": token}
        self.audience.make_room(BASE + shift + have, BASE + shift + number)
        self._run("SET session_replication_role = replica")
        for table, columns in COPIED.items():
            names = self._columns(table)
            values = [columns[name].format(**slots) if name in columns else f'x."{name}"' for name in names]
            mine = "id" if table == "deliveries_delivery" else "delivery_id"
            into = ", ".join(f'"{name}"' for name in names)
            self._run(
                f"INSERT INTO {table} ({into}) SELECT {', '.join(values)}"
                f" FROM {table} x, generate_series(%s::int + 1, %s) g WHERE x.{mine} = %s",
                [have, number, self.model.pk],
            )
        self._run("SET session_replication_role = DEFAULT")

    def _forget(self) -> None:
        self._run("SET session_replication_role = replica")
        for table in reversed(COPIED):
            self._run(f"DELETE FROM {table} WHERE {'id' if table == 'deliveries_delivery' else 'delivery_id'} > %s",
                      [BASE])  # fmt: skip
        self._run(
            "UPDATE deliveries_delivery SET status = 'paused', started_at = now() WHERE id = %s",
            [self.model.pk],
        )
        self._run("SET session_replication_role = DEFAULT")
        self.valkey.flushdb()

    def _columns(self, table: str) -> list[str]:
        return [row[0] for row in self._rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position", [table])]  # fmt: skip

    def _sending(self) -> int:
        return self._value(
            "SELECT count(*) FROM deliveries_delivery WHERE id > %s AND started_at IS NOT NULL", [BASE]
        )

    def _heard(self) -> int:
        return self.valkey.scard("rq:workers")

    def _bytes(self) -> int:
        return int(self.valkey.info("stats")["total_net_output_bytes"])

    def _run(self, statement: str, values: list[Any] | None = None) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    def _rows(self, statement: str, values: list[Any]) -> list[Any]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _value(self, statement: str, values: list[Any]) -> Any:
        return self._rows(statement, values)[0][0]

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"waited in vain until {what}")
            time.sleep(0.02)


class _Count:
    """Counts the statements that pass by."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        self.statements += 1
        return execute(sql, params, many, context)


def _in(interval: str) -> str:
    return f"(clock_timestamp() + interval '{interval}')"


def _as_text(result: dict[str, Any]) -> str:
    rows = [("deliveries of each kind", "statements", "ms", "slowest", "bytes from Valkey")]
    rows += [(f"{one['deliveries']:,}", *_figures(one)) for one in result["beside"]]
    rows.append(
        (f"one with {result['open_chunks']['chunks']:,} open chunks", *_figures(result["open_chunks"]))
    )
    due = result["due_at_once"]
    lines = [f"{name:<34} {a:>10} {b:>8} {c:>8} {d:>18}" for name, a, b, c, d in rows]
    return "\n".join([
        *lines, "",
        f"{due['deliveries']:,} due in the same second: the first are sending {due['first_s']} s after it, half"
        f" {due['half_s']} s, all {due['all_s']} s; {due['valkey_bytes']:,} bytes from Valkey meanwhile",
    ])  # fmt: skip


def _figures(one: dict[str, Any]) -> tuple[str, str, str, str]:
    return f"{one['statements']:g}", f"{one['ms']:g}", f"{one['slowest_ms']:g}", f"{one['valkey_bytes']:,}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
