"""`make bench-crash`: kill the parts of a send again and again, and compare what arrived with the ledger.

A confirmed delivery leaves through the processes of the Procfile, kept alive as `make run` keeps them. The
receiver is so slow that every kill falls while messages leave. Killed by SIGKILL, at moments and in an order
that the seed decides: workers with their work-horse, work-horses, workers alone, cron, the worker of the
tick, Valkey with all its data, and PostgreSQL (stopped at once, without a checkpoint). Others are not killed
but fall silent: work-horses that stop for longer than a lease and go on, a database whose host vanishes without
a word or that takes nothing for a while, a Valkey that forgets everything every second, a relay whose answers are
lost, come after the lease, or whose connections a firewall forgot. It ends with 0 only if nobody
was lost, nobody got a message twice and the ledger says nothing that is not so.
"""

import argparse
import json
import math
import os
import random
import signal
import sqlite3
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote
from typing import Any

import psycopg
from django.conf import settings

from benchmarks.crash_books import compare, doubts_of_the_living
from benchmarks.crash_victims import KILLS_A_LANE, OF_THE_RELAY, WEIGHTS, Kill, Victims, draw, hand_overs
from campaign.stack import silence
from campaign.stack.silence import Line
from campaign.stack.temporary import Stack, safety, temporary_stack

WORKERS, CONNECTIONS = 2, 8  # the defaults of the Procfile and of a route
WINDOWS_PER_LANE, LARGEST_WINDOW, FIRST_WINDOW = 2, 250, 25
WINDOW_SECONDS = 0.5
JITTER = 1.5  # what a lane measures in a quarter of a second swings about what the receiver takes
IN_DOUBT_AT_MOST = 0.05  # of the messages
LONGEST_PAUSE = 180  # seconds without a message that mean that the send stands still
RETRY_SECONDS = "2,5,10"
FIRST, LAST = 0.02, 0.85  # the part of the send in which the kills fall


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    # A shell's background job is born deaf to Ctrl-C; this one must be stoppable all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    rng = random.Random(args.seed)
    victims = draw(rng, args.kills, only=frozenset(args.only))
    delay = args.delay or _delay(args.messages, victims)
    env = {"SINETE_RETRY_SECONDS": RETRY_SECONDS, "LOG_LEVEL": "WARNING"}
    if OF_THE_RELAY & set(victims):  # a lost answer is waited for in vain: not for ten minutes
        env["SINETE_SMTP_REPLY_SECONDS"] = str(3 * (args.lease or 30))
        env["SINETE_SMTP_SILENCE_SECONDS"] = str(max(2, (args.lease or 30) // 2))
    if args.lease:
        env["SINETE_LEASE_SECONDS"] = str(args.lease)
    if args.chunk_rows:
        env["SINETE_CHUNK_ROWS"] = str(args.chunk_rows)
    with temporary_stack(pooled=args.pooled, **env) as stack, ExitStack() as lines:
        line = relay = None
        if "silence" in victims and not args.pooled:
            line = lines.enter_context(silence.line(silence.to_postgres(stack.database_url)))
        if OF_THE_RELAY & set(victims):
            relay = lines.enter_context(silence.line(("127.0.0.1", int(stack.env["MAIL_PORT"]))))
            stack.env["RELAY_URL"] = f"smtp://127.0.0.1:{relay.port}"
        _start(stack, seed=args.seed, delay=delay, line=line)
        drill = Drill(stack, args.messages, rng, window=_window(delay), line=line, relay=relay)
        result = drill.run(victims)
    result = {"seed": args.seed, "receiver_delay_s": round(delay, 3), **result}
    print(json.dumps(result) if args.as_json else "\n".join(f"{k:>22}: {v}" for k, v in result.items()))
    return 0 if result["held"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-crash", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="recipients (20000)")
    parser.add_argument("--kills", type=int, default=25, help="kills while the delivery is sending (25)")
    parser.add_argument("--seed", type=int, default=1, help="decides who is killed when (1)")
    parser.add_argument("--delay", type=float, help="seconds before each answer to a message (as it fits)")
    parser.add_argument("--lease", type=int, help="seconds of a lease, to make a small drill short (30)")
    parser.add_argument(
        "--chunk-rows", type=int, help="rows of a chunk, so that a small drill has many (2000)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], choices=sorted(WEIGHTS), metavar="VICTIM",
        help=f"kinds of victims ({', '.join(sorted(WEIGHTS))}); all of them by default",
    )  # fmt: skip
    parser.add_argument(
        "--pooled", action="store_true", help="everything behind PgBouncer in transaction mode"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if args.messages < 100 or args.kills < 1:
        parser.error("at least 100 messages and 1 kill")
    if args.pooled:
        args.only = sorted(
            set(args.only or WEIGHTS) - {"silence"}
        )  # PgBouncer has the connections that fall silent
    return args


def _delay(messages: int, victims: list[str]) -> float:
    """Seconds before each answer: slow enough that the windows of all killed lanes are few beside the whole.

    A lane has at most a second's worth in its hands, two windows of half a second.
    """
    lanes = max(1, sum(victim in KILLS_A_LANE for victim in victims))
    per_second = IN_DOUBT_AT_MOST * 0.7 * messages / lanes
    return max(0.02, CONNECTIONS / per_second)


def _window(delay: float) -> int:
    """How large a lane's window is at the most while the receiver takes so long for each message."""
    in_half_a_second = JITTER * WINDOW_SECONDS * CONNECTIONS / delay
    return min(LARGEST_WINDOW, max(FIRST_WINDOW, math.ceil(in_half_a_second)))


def _start(stack: Stack, *, seed: int, delay: float, line: Line | None) -> None:
    port, file = stack.env["MAIL_PORT"], stack.folder / "received.sqlite3"
    stack.launch(
        "receiver",
        f"{quote(sys.executable)} -m benchmarks.crash_receiver --port {port} --seed {seed} --delay {delay}"
        f" --file {quote(str(file))}",
    )
    env = {} if line is None else {"DATABASE_URL": silence.through(line, stack.database_url)}
    stack.start("send", count=WORKERS, supervised=True, **env)
    stack.start("tick", supervised=True, **env)
    stack.start("cron", supervised=True, **env)


class Drill:
    """One delivery, its kills and its account."""

    def __init__(
        self, stack: Stack, messages: int, rng: random.Random, *, window: int, line: Line | None = None,
        relay: Line | None = None,
    ) -> None:  # fmt: skip
        self.stack, self.messages, self.rng, self.window = stack, messages, rng, window
        self.url = stack.database_url
        self.inbox = stack.folder / "received.sqlite3"
        self.victims = Victims(stack, rng, line=line, relay=relay)
        self.relay = relay
        self.chunks: set[tuple[int, int]] = set()
        self.tries: set[tuple[int, int]] = set()
        self.most_open = 0

    def run(self, victims: list[str]) -> dict[str, Any]:
        self.delivery_id = _confirmed_delivery(self.stack, self.messages)
        began = time.monotonic()
        at = sorted(self.rng.uniform(FIRST, LAST) * self.messages for _ in victims)
        try:
            for number, (victim, threshold) in enumerate(zip(victims, at, strict=True), start=1):
                self._await_received(threshold, f"kill {number} of {len(victims)}: {victim}")
                self._kill(victim)
            self.victims.settle()
            ended = self._await_end() and self._await_last_answers()
        finally:
            self._let_everything_return()
        _say("")
        return self._account(ended, seconds=time.monotonic() - began)

    def _kill(self, victim: str) -> None:
        kill = self.victims.kill(victim, received=_received(self.inbox))
        if kill.lanes:
            left = _patiently(lambda: hand_overs(self.url, kill.lanes, delivery_id=self.delivery_id))
            self.chunks |= left["chunks"]
            self.tries |= left["tries"]
            self.most_open = max(self.most_open, left["open"])

    def _await_received(self, threshold: float, what: str) -> None:
        moved, before = time.monotonic(), 0
        while (now := _received(self.inbox)) < threshold:
            if now != before:
                moved, before = time.monotonic(), now
            if time.monotonic() - moved > LONGEST_PAUSE:
                raise SystemExit(f"{what}: nothing was received for {LONGEST_PAUSE} s, {now} so far")
            _say(f"{now:,} of {self.messages:,} received, next {what}")
            time.sleep(0.05)

    def _await_end(self) -> bool:
        """Whether the delivery came to its end by itself."""
        moved, before = time.monotonic(), ("", 0)
        while True:
            state = (_status(self.url, self.delivery_id), _received(self.inbox))
            if state[0] == "finished":
                return True
            if state != before:
                moved, before = time.monotonic(), state
            if time.monotonic() - moved > LONGEST_PAUSE:
                return False
            _say(f"{state[1]:,} of {self.messages:,} received, {state[0]}, waiting for the end")
            time.sleep(0.2)

    def _await_last_answers(self) -> bool:
        """Whether it ends again after what lanes that had been silent say of its last messages.

        A frozen lane may come back after the end: what it stores settles doubts, and a message that its server
        deferred is tried once more.
        """
        deadline = time.monotonic() + LONGEST_PAUSE
        while (
            self.victims.are_at_work or _status(self.url, self.delivery_id) != "finished" or self._is_open()
        ):
            if time.monotonic() > deadline:
                return False
            _say("finished, waiting for late answers")
            time.sleep(0.2)
        return True

    def _is_open(self) -> bool:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM deliveries_try WHERE delivery_id = %(d)s)"
                " OR EXISTS (SELECT 1 FROM deliveries_chunk WHERE delivery_id = %(d)s AND NOT done)",
                {"d": self.delivery_id},
            ).fetchone()
        return row is None or row[0]

    def _let_everything_return(self) -> None:
        with suppress(BaseException):
            self.victims.settle()

    def _account(self, ended: bool, *, seconds: float) -> dict[str, Any]:
        books = compare(self.url, self.inbox, delivery_id=self.delivery_id)
        kills = self.victims.kills
        while_sending = [kill for kill in kills if self._was_sending(kill, books["received"])]
        lanes = sum(len(kill.lanes) for kill in kills)
        cheated = len(self.relay.cheated) if self.relay else 0  # one message each was on its way to an answer
        bound = lanes * WINDOWS_PER_LANE * self.window + cheated
        of_the_living = doubts_of_the_living(
            self.url, delivery_id=self.delivery_id, chunks=self.chunks, tries=self.tries
        )
        unbalanced = _unbalanced(self.delivery_id)
        wrong = [books[name] for name in ("lost", "duplicates", "phantom", "misstated", "strangers")]
        held = (
            ended and not unbalanced and not any(wrong) and len(while_sending) == len(kills)
            and books["in_doubt"] <= min(bound, IN_DOUBT_AT_MOST * self.messages + cheated)
            and of_the_living <= cheated
            and self.most_open <= WINDOWS_PER_LANE * LARGEST_WINDOW
        )  # fmt: skip
        return {
            "messages": self.messages,
            "kills": len(kills),
            "kills_while_sending": _by_victim(while_sending),
            **books,
            "in_doubt_share": round(books["in_doubt"] / self.messages, 4),
            "in_doubt_bound": bound,
            "in_doubt_factors": {
                "lanes_killed": lanes, "windows_per_lane": WINDOWS_PER_LANE, "window_at_this_pace": self.window,
                "connections_cheated_of_answers": cheated,
            },
            "in_doubt_of_the_living": of_the_living,
            "most_open_of_a_killed_lane": self.most_open,
            "balanced": not unbalanced,
            **({"unbalanced": unbalanced} if unbalanced else {}),
            "ended_by_itself": ended,
            "seconds": round(seconds, 1),
            "workers": WORKERS,
            "lease_s": settings.SINETE["lease_seconds"],
            "chunk_rows": settings.SINETE["chunk_rows"],
            "retry_s": RETRY_SECONDS,
            **safety(self.url),
            "held": held,
        }  # fmt: skip

    def _was_sending(self, kill: Kill, received: int) -> bool:
        """The delivery had begun, was not over, and messages arrived before and after."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(
                "SELECT started_at, ended_at FROM deliveries_delivery WHERE id = %s", [self.delivery_id]
            ).fetchone()
        assert row is not None
        return row[0] < kill.at and (row[1] is None or kill.at < row[1]) and 0 < kill.received < received


def _confirmed_delivery(stack: Stack, messages: int) -> int:
    os.environ.update(stack.env)
    import django

    django.setup()
    from django.db import connections

    from benchmarks import audience

    audience.people(messages)
    delivery = audience.ready_delivery("Crash drill")
    audience.confirm(delivery)
    connections.close_all()
    return delivery.pk


def _unbalanced(delivery_id: int) -> dict[str, Any]:
    """What does not add up, by name: counts that disagree, what is left open, doubts that no list names.

    Empty if the independent counts agree, nothing is open and the list of doubts names as many as the ledger.
    """
    from deliveries.ledger import books
    from deliveries.models import Delivery, Doubt, Message, MessageStatus

    delivery = Delivery.objects.get(pk=delivery_id)
    in_doubt = Message.objects.filter(delivery=delivery, status=MessageStatus.IN_DOUBT).count()
    listed = Doubt.objects.filter(delivery=delivery).count()
    return {
        **books.imbalance(delivery),
        **{f"open {name}": True for name, is_open in books.open_ends(delivery).items() if is_open},
        **({} if listed == in_doubt else {"doubts": {"ledger": in_doubt, "listed": listed}}),
    }


def _received(inbox: Path) -> int:
    with suppress(sqlite3.OperationalError):
        reader = sqlite3.connect(f"file:{inbox}?mode=ro", uri=True, timeout=10)
        try:
            return reader.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0]
        finally:
            reader.close()
    return 0


def _status(url: str, delivery_id: int) -> str:
    with suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT status FROM deliveries_delivery WHERE id = %s", [delivery_id]
        ).fetchone()
        return row[0] if row else "gone"
    return "unknown"


def _patiently(ask: Any) -> Any:
    """The answer, as soon as PostgreSQL gives one."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _by_victim(kills: list[Kill]) -> dict[str, int]:
    names = sorted({kill.victim for kill in kills})
    return {name: sum(kill.victim == name for kill in kills) for name in names}


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
