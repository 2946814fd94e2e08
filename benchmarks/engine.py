"""A confirmed delivery through real RQ workers, watched from outside."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from benchmarks import audience, cost
from benchmarks.sinks import Sink
from deliveries.ledger import books
from deliveries.models import Delivery, Status
from deliveries.sending import control
from deliveries.sending.control import halts

PATIENCE = 1_800
QUIET_S = 2.0  # nothing came in for so long: that was the last


@dataclass
class Run:
    """What one send took."""

    per_s: float
    first_message_s: float
    sink_count: int
    ledger_count: int
    balanced: bool
    cpu: dict[str, float] = field(default_factory=dict)  # microseconds a message, by who spent them
    wal_bytes: float = 0.0  # that PostgreSQL's log grew by, a message
    hot_share: float = 0.0  # of the results, those that stayed on their page and touched no index

    @property
    def is_exact(self) -> bool:
        return self.balanced and self.sink_count == self.ledger_count


def send(label: str, *, sink: Sink, messages: int, groups: dict[str, list[int]]) -> Run:
    """Confirm a delivery to everybody; return once its last result is committed and it is over."""
    delivery = audience.ready_delivery(label)
    arrived = sink.count()
    cost.quiet(groups["workers"])
    meter, written = cost.Meter(groups), _books()
    began = time.perf_counter()
    audience.confirm(delivery)
    first = until(lambda: sink.count() > arrived, f"{label}: first message", every=0.002)
    ended = until(lambda: sent(delivery) >= messages, label, lambda: f"{sent(delivery):,} of {messages:,}")
    until(lambda: is_over(delivery), f"{label}: over")
    cost.quiet(groups["workers"])
    spent = {name: round(value / messages * 1e6, 1) for name, value in meter.spent().items()}
    wal, updates, hot = (after - before for before, after in zip(written, _books(), strict=True))
    return Run(
        per_s=messages / (ended - began),
        first_message_s=first - began,
        sink_count=sink.count() - arrived,
        ledger_count=sent(delivery),
        balanced=not books.imbalance(delivery),
        cpu=spent,
        wal_bytes=wal / messages,
        hot_share=hot / max(1, updates),
    )


def _books() -> tuple[int, int, int]:
    """Where PostgreSQL's log stands, and how many rows of messages were changed so far, also on their own page."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, sum(n_tup_upd)::bigint, sum(n_tup_hot_upd)::bigint"
            " FROM pg_stat_user_tables WHERE relid IN (SELECT relid FROM pg_partition_tree('deliveries_message'))"
        )
        log, updates, hot = cursor.fetchone()
    return log, updates, hot


def pause(*, sink: Sink, messages: int) -> tuple[float, bool]:
    """Seconds from a pause to the last message that still left; and whether, resumed, all left just once."""
    return _held(
        "Pause",
        lambda delivery: control.pause(delivery=delivery, by=audience.person(), at=audience.now()),
        lambda delivery: control.resume(delivery=delivery, by=audience.person(), at=audience.now()),
        sink=sink, messages=messages,
    )  # fmt: skip


def halt(*, sink: Sink, messages: int) -> tuple[float, bool]:
    """The same from a stop of all sending until it is allowed again."""
    return _held(
        "Halt",
        lambda delivery: halts.stop_all(
            unit=delivery.unit, by=audience.person(), at=audience.now(), reason="Benchmark"
        ),
        lambda delivery: halts.allow(unit=delivery.unit, by=audience.person(), at=audience.now()),
        sink=sink, messages=messages,
    )  # fmt: skip


def _held(
    label: str,
    hold: Callable[[Delivery], Any],
    let_go: Callable[[Delivery], Any],
    *,
    sink: Sink,
    messages: int,
) -> tuple[float, bool]:
    delivery = audience.ready_delivery(label)
    arrived = sink.count()
    audience.confirm(delivery)
    until(lambda: sink.count() - arrived > messages // 5, f"{label}: on its way")
    with ThreadPoolExecutor(1) as watch:
        began = time.perf_counter()
        last_arrival = watch.submit(_last_arrival, sink, began)
        hold(delivery)
        last, seen = last_arrival.result()
    is_in_time = not is_over(delivery) and seen - arrived < messages
    let_go(delivery)
    until(lambda: is_over(delivery), f"{label}: the rest", lambda: f"{sent(delivery):,} of {messages:,}")
    is_exact = sink.count() - arrived == sent(delivery) == messages and not books.imbalance(delivery)
    return last - began, is_in_time and is_exact


def _last_arrival(sink: Sink, began: float) -> tuple[float, int]:
    """When the last message came in, once it is quiet, and how many came in by then."""
    last, seen = began, sink.count()
    while time.perf_counter() - last < QUIET_S:
        time.sleep(0.002)
        if (now := sink.count()) != seen:
            last, seen = time.perf_counter(), now
    return last, seen


def throughput(label: str, *, seconds: float, warm_up: float) -> float:
    """Messages a second in the middle of a send, which is stopped afterwards."""
    delivery = audience.ready_delivery(label)
    audience.confirm(delivery)
    until(lambda: sent(delivery) > 0, f"{label}: first results")
    time.sleep(warm_up)
    began, before = time.perf_counter(), sent(delivery)
    while time.perf_counter() - began < seconds:
        show(label, f"{sent(delivery):,}")
        time.sleep(0.2)
    rate = (sent(delivery) - before) / (time.perf_counter() - began)
    control.stop(delivery=delivery, by=audience.person(), at=audience.now())
    return rate


def sent(delivery: Delivery) -> int:
    return sum(delivery.chunks.values_list("sent", flat=True))


def is_over(delivery: Delivery) -> bool:
    delivery.refresh_from_db(fields=["status"])
    return delivery.status == Status.FINISHED


def until(
    condition: Callable[[], bool], what: str, progress: Callable[[], str] = lambda: "", *, every: float = 0.02
) -> float:
    """Wait for the condition and return when it came true, in seconds of the performance counter.

    Raise SystemExit where it doesn't within PATIENCE seconds.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not over after {PATIENCE} s")
        show(what, progress() if sys.stderr.isatty() else "")
        time.sleep(every)
    return time.perf_counter()


def show(what: str, progress: str = "") -> None:
    """One line of progress on a terminal, written over itself."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what} {progress}", end="", file=sys.stderr, flush=True)
