"""`make bench-retention`: what it costs a running send that messages of old deliveries go beside it.

Ranges full of deliveries that ended long ago are laid, half of them with one delivery under a legal hold. Then a
delivery leaves through real workers to `smtp-sink`, and while it does one range after the other goes: those without
a hold at once, with their partitions, the others in slices. It is let go on and held back between two slices in turn,
some seconds each: what left of the send beside is set against what left in between. It ends with 0 only if every row
went that had to, and no other, and the send lost less than 5 % in all.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from benchmarks import cost
from benchmarks.sinks import Sink, sink
from campaign.stack.temporary import Stack, safety, temporary_stack

if TYPE_CHECKING:
    from benchmarks.retention_data import Laid

WAYS = ("whole", "slices")
KEPT_DAYS = 365
COST_AT_MOST = 0.05
WARM_UP = 5.0  # seconds of the send before it is measured
LOOK = 0.01  # seconds between two looks at what came in; locks are looked at each fifth time
LATE_AT_MOST = 20  # seconds without any message
LATE = 2.0  # seconds in which what the drop left to the disk is done
_WAITS = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)
    FROM pg_locks l WHERE NOT l.granted AND l.pid <> ALL(%s)
"""


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    env = {"LOG_LEVEL": "ERROR", "SINETE_PARTITION_DELIVERIES": str(args.deliveries)}
    with (
        sink(delay_ms=args.delay) as receiver,
        temporary_stack(
            ["tick", "cron"],
            RELAY_URL=f"smtp://127.0.0.1:{receiver.port}",
            SINETE_LANES=str(args.workers),
            **env,
        ) as stack,
    ):
        os.environ.update(stack.env)
        import django

        django.setup()
        result = _Bench(stack, receiver, args).measured()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0 if result["exact"] and result["reached"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-retention", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=200_000, help="that go, of each way (200000)")
    parser.add_argument("--pairs", type=int, default=4, help="ranges of each way; medians are given (4)")
    parser.add_argument("--deliveries", type=int, default=20, help="of a range (20)")
    parser.add_argument("--recipients", type=int, default=150_000, help="of the send beside (150000)")
    parser.add_argument(
        "--seconds", type=float, default=20, help="of each piece of the send, with retention and without (20)"
    )
    parser.add_argument(
        "--kept", type=int, default=0, metavar="DELIVERIES",
        help="of each range that goes at once: what stays of so many is kept before the send begins (0)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="worker processes, each with a lane (2)")
    parser.add_argument(
        "--delay", type=int, default=0, help="ms before each answer, so that a small send lasts (0)"
    )
    parser.add_argument("--only", choices=WAYS, action="append", help="leave out the other way")
    parser.add_argument("--full-speed", action="store_true", help="rows go without rests between slices")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if args.pairs < 1 or args.deliveries < 2 or args.messages < args.pairs * args.deliveries * 100:
        parser.error("at least 1 pair, 2 deliveries of a range, and 100 messages of each delivery")
    return args


@dataclass
class Window:
    """Pieces of the send: what came in, how long nothing did, and how long anybody waited for a lock at most."""

    messages: int = 0
    seconds: float = 0.0
    stall_s: float = 0.0
    lock_wait_s: float = 0.0

    @property
    def per_s(self) -> float:
        return self.messages / max(self.seconds, LOOK)

    def __add__(self, other: "Window") -> "Window":
        return Window(
            self.messages + other.messages, self.seconds + other.seconds, max(self.stall_s, other.stall_s),
            max(self.lock_wait_s, other.lock_wait_s),
        )  # fmt: skip


class _Bench:
    """What was laid, and the send beside which it goes."""

    def __init__(self, stack: Stack, receiver: Sink, args: argparse.Namespace) -> None:
        self.stack, self.sink, self.args = stack, receiver, args
        self.is_over = False  # the send: what is left goes without being measured
        self.pieces: list[int] = []  # messages a second, beside and alone in turn
        self.watcher = psycopg.connect(stack.database_url, autocommit=True)

    def measured(self) -> dict[str, Any]:
        ranges_of = self._lay()
        from benchmarks import audience, engine

        audience.people(self.args.recipients, beyond=1)
        engine.show("preparing the send")
        self.delivery = audience.ready_delivery("Beside")
        for laid in ranges_of.get("whole", []):
            _keep(laid, self.args.kept)
        self.stack.start("send", count=self.args.workers)
        self.watcher.execute("VACUUM (ANALYZE)")
        self.watcher.execute("CHECKPOINT")
        audience.confirm(self.delivery)
        engine.until(lambda: engine.sent(self.delivery) > 0, "first results")
        time.sleep(WARM_UP)
        ways = {way: self._pairs(way, laid) for way, laid in ranges_of.items()}
        return self._account(ways, ranges_of)

    def _lay(self) -> "dict[str, list[Laid]]":
        from accounts.roles import root
        from benchmarks import audience, engine, retention_data
        from deliveries.models import Delivery, RetentionKind
        from deliveries.retention import holds, periods

        args, by = self.args, audience.person()
        by.is_superuser = True
        by.save()
        messages = args.messages // args.pairs // args.deliveries
        model = retention_data.model()
        ranges_of: dict[str, list[Laid]] = {way: [] for way in args.only or WAYS}
        for number in range(args.pairs):
            for way, laid in ranges_of.items():
                engine.show(f"laying {way} {number + 1} of {args.pairs}")
                laid.append(
                    retention_data.lay(
                        model, label=f"{way} {number}", size=args.deliveries, messages=messages
                    )
                )
                if way == "slices":
                    held = Delivery.objects.get(pk=laid[-1].last)
                    holds.place(on=held, reason="Benchmark", by=by, at=audience.now())
        days = {str(RetentionKind.RECIPIENTS): KEPT_DAYS, str(RetentionKind.REACTIONS): KEPT_DAYS}
        periods.save(unit=root(), days=days, by=by)
        return ranges_of

    # -- alternately -------------------------------------------------------------------------------------

    def _pairs(self, way: str, laid: "list[Laid]") -> list[dict[str, Any]]:
        """What each range that went beside the send cost it."""
        pairs = []
        for number, each in enumerate(laid, start=1):
            is_measured = not self.is_over
            alone, beside, done = self._in_turn(f"{way} {number} of {len(laid)}", each)
            if is_measured:
                pairs.append(_pair(alone, beside) | done | {"cut_short": self.is_over})
        return pairs

    def _in_turn(self, what: str, laid: "Laid") -> tuple[Window, Window, dict[str, Any]]:
        """The send alone, and beside retention, which waits between two slices while it is alone."""
        from django.db import connections

        connections.close_all()
        here, there = multiprocessing.Pipe()
        its_turn = multiprocessing.get_context("fork").Event()
        child = multiprocessing.get_context("fork").Process(
            target=_apply, args=(laid.unit.pk, self.args.full_speed, there, its_turn)
        )
        child.start()
        here.recv()  # it is connected, and waits
        alone, beside = self._piece(f"{what}: alone"), Window()
        here.send("go")
        while not (self.is_over or here.poll()):
            its_turn.set()
            besides = self._piece(what, ends=here.poll)
            if here.poll():
                besides += self._piece(what, seconds=LATE)
            its_turn.clear()
            if self.is_over:  # a piece in which the send ended says nothing
                break
            beside += besides
            self.pieces += [round(besides.per_s)]
            again = self._piece(f"{what}: alone")
            self.pieces += [round(again.per_s)]
            alone = alone if self.is_over else alone + again
        its_turn.set()
        done = here.recv()
        child.join()
        return alone, beside, done

    def _piece(
        self, what: str, ends: Callable[[], bool] = lambda: False, seconds: float | None = None
    ) -> Window:
        end = time.monotonic() + (self.args.seconds if seconds is None else seconds)
        return self._watch(what, lambda: time.monotonic() < end and not ends())

    def _watch(self, what: str, goes_on: Callable[[], bool]) -> Window:
        from benchmarks import engine

        began = last = time.perf_counter()
        first = seen = self.sink.count()
        stall, wait, looks = 0.0, 0.0, 0
        while goes_on():
            time.sleep(LOOK)
            now, count = time.perf_counter(), self.sink.count()
            if count != seen:
                stall, last, seen = max(stall, now - last), now, count
            looks += 1
            if looks % 5 == 0:
                wait = max(wait, self._longest_wait())
                engine.show(what, f"{seen - first:,}")
            if now - last > LATE_AT_MOST:
                self.is_over = True
                break
        self.is_over = self.is_over or engine.is_over(self.delivery)
        return Window(seen - first, time.perf_counter() - began, stall, wait)

    def _longest_wait(self) -> float:
        """Of all who wait for a lock now, seconds."""
        row = self.watcher.execute(_WAITS, [[self.watcher.info.backend_pid]]).fetchone()
        return float(row[0]) if row else 0.0

    # -- the books ---------------------------------------------------------------------------------------

    def _account(
        self, ways: dict[str, list[dict[str, Any]]], ranges_of: "dict[str, list[Laid]]"
    ) -> dict[str, Any]:
        from benchmarks import audience, engine
        from deliveries.ledger import books
        from deliveries.sending import control

        if not engine.is_over(self.delivery):
            control.stop(delivery=self.delivery, by=audience.person(), at=audience.now())
        wrong = [each for way, laid in ranges_of.items() for one in laid for each in _wrong(way, one)]
        off = books.imbalance(self.delivery)
        measured = {way: pairs for way, pairs in ways.items() if pairs}
        ratios = {
            way: round(sum(pair["ratio"] for pair in pairs) / len(pairs), 3)
            for way, pairs in measured.items()
        }
        return {
            "messages": self.args.messages,
            "ratio": ratios,
            "work_s": {
                way: round(sum(pair["work_s"] for pair in pairs), 1) for way, pairs in measured.items()
            },
            "stall_ms": {way: max(pair["stall_ms"] for pair in pairs) for way, pairs in measured.items()},
            "lock_wait_ms": {
                way: max(pair["lock_wait_ms"] for pair in pairs) for way, pairs in measured.items()
            },
            "pairs": ways,
            "pieces_per_s": self.pieces,
            "deliveries_of_a_range": self.args.deliveries,
            "workers": self.args.workers,
            "full_speed": self.args.full_speed,
            "load": cost.load(),
            **safety(self.stack.database_url),
            "reached": measured.keys() == ways.keys()
            and all(ratio > 1 - COST_AT_MOST for ratio in ratios.values()),
            "exact": not wrong and not off,
            "wrong": wrong + [f"the send: {off}"] * bool(off),
        }


def _keep(laid: "Laid", number: int) -> None:
    """Figures and addressees of the first so many deliveries of the range are kept, as retention does in slices."""
    from benchmarks import audience, engine
    from deliveries.retention import purging
    from reporting.retention.freezing import freeze

    for delivery_id in range(laid.first, min(laid.first + number, laid.last + 1)):
        engine.show(f"keeping what stays of {delivery_id - laid.first + 1} of {number}")
        while purging.keep_addressees(delivery_id, at=audience.now(), freeze=freeze):
            pass


def _pair(alone: Window, beside: Window) -> dict[str, Any]:
    """What was measured beside, and alone in between."""
    return {
        "alone_per_s": round(alone.per_s), "beside_per_s": round(beside.per_s),
        "ratio": round(beside.per_s / max(alone.per_s, 1), 3), "seconds": round(beside.seconds, 1),
        "stall_ms": round(beside.stall_s * 1000), "stall_alone_ms": round(alone.stall_s * 1000),
        "lock_wait_ms": round(beside.lock_wait_s * 1000),
        "lock_wait_alone_ms": round(alone.lock_wait_s * 1000),
    }  # fmt: skip


def _apply(unit_id: int, full_speed: bool, there: Any, its_turn: Any) -> None:
    """In a process of its own: what is due in the unit goes; how long that took, and how long of it on a processor."""
    from django.db import connection

    from accounts.models import OrganizationalUnit
    from benchmarks import audience
    from reporting.retention import applying, pace

    class InTurn(pace.Pace):
        def rest(self) -> None:
            super().rest()
            its_turn.wait()
            self.since = time.monotonic()

    applying.Pace = InTurn  # type: ignore[misc]  # in this process alone: the product's own run, held back in turn
    by, unit = audience.person(), OrganizationalUnit.objects.get(pk=unit_id)
    backend = connection.connection.info.backend_pid
    there.send(backend)
    there.recv()
    began, before = time.perf_counter(), cost.scheduled(backend) + time.process_time()
    done = applying.apply(at=audience.now(), by=by, unit=unit, seconds=24 * 3600, full_speed=full_speed)
    spent = cost.scheduled(backend) + time.process_time() - before
    there.send({
        "drop_s": round(time.perf_counter() - began, 2), "work_s": round(spent, 2), "rows": sum(done.rows.values()),
        "ranges": len(done.ranges),
    })  # fmt: skip
    connection.close()


def _wrong(way: str, laid: "Laid") -> list[str]:
    """What is not as it must be where a range went, or all of it but what is held."""
    from benchmarks.retention_data import EXCLUDED

    held = 1 if way == "slices" else 0
    expected = {
        "message": held * laid.messages, "exclusion": held * (laid.messages // EXCLUDED),
        "addressees": (laid.numbers - held) * laid.messages,
    }  # fmt: skip
    found = {table: laid.left(table) for table in expected}
    return [f"{way} {laid.first}: {table}: {found[table]:,} of {number:,}" for table, number in expected.items()
            if found[table] != number]  # fmt: skip


def _as_text(result: dict[str, Any]) -> str:
    lines = [f"{name:>22}: {value}" for name, value in result.items() if name != "pairs"]
    for way, pairs in result["pairs"].items():
        lines += [f"{way:>22}: {pair}" for pair in pairs]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
