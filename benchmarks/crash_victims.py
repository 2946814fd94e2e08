"""Who is killed in the crash drill, or falls silent, and what must be known of it afterwards. Never with a warning."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import redis

from campaign.stack import crashes
from campaign.stack.silence import Line
from campaign.stack.temporary import Stack

PATIENCE = 90  # seconds until a victim has shown itself: a lane may first wait for a lease to run out
AWAY = (0.2, 2.5)  # seconds that a service is away

FROZEN_FOR = 1.4  # leases
FLUSHED_FOR, FLUSH_EVERY = 8, 1.0  # seconds

# How often each is drawn. `worker` dies with its work-horse, as when a container is killed; of `orphaning` the
# worker dies alone, and its work-horse goes on. `frozen`: a work-horse stops for longer than a lease and goes on.
# `silence`: the database's host vanishes without a word, connections stay open, new ones work. `read_only`: PostgreSQL
# takes nothing for a while. `flush`: Valkey forgets everything every second. Of the relay `swallow` loses its answers
# for a moment, `late` brings them after the lease, and `forget` is a firewall that forgot its connections.
WEIGHTS = {
    "worker": 4, "horse": 5, "orphaning": 2, "cron": 2, "tick": 2, "valkey": 4, "postgres": 6,
    "frozen": 3, "silence": 2, "read_only": 2, "flush": 2, "swallow": 2, "late": 2, "forget": 1,
}  # fmt: skip
KILLS_A_LANE = frozenset({"worker", "horse", "frozen"})
OF_THE_RELAY = frozenset({"swallow", "late", "forget"})
LATE_BY = 1.3  # leases


@dataclass
class Kill:
    """One kill: when, whom, and which hand-overs its lanes leave behind."""

    victim: str
    at: datetime
    received: int  # messages that the receiver had taken
    lanes: list[str] = field(default_factory=list)


def draw(rng: random.Random, number: int, *, only: frozenset[str] = frozenset()) -> list[str]:
    """So many victims; each kind at least once where there are kills enough. `only`: of these kinds."""
    weights = {kind: weight for kind, weight in WEIGHTS.items() if not only or kind in only}
    kinds = list(weights)
    once = rng.sample(kinds, len(kinds)) if number >= len(kinds) else []
    victims = once + rng.choices(kinds, weights=list(weights.values()), k=number - len(once))
    rng.shuffle(victims)
    return victims


class Victims:
    """Kills in a stack whose processes are supervised; what is not, it brings back itself."""

    def __init__(
        self, stack: Stack, rng: random.Random, *, line: Line | None = None, relay: Line | None = None
    ) -> None:
        self.stack, self.rng = stack, rng
        self.line, self.relay = (
            line,
            relay,
        )  # what the processes say to PostgreSQL, and lanes to the relay, goes there
        self.kills: list[Kill] = []
        self._returning: dict[str, threading.Thread] = {}
        self._failures: list[BaseException] = []
        self._loose: list[psutil.Process] = []  # work-horses that were frozen or orphaned, and go on

    def kill(self, victim: str, *, received: int) -> Kill:
        """It is dead now. What serves others is back after a moment."""
        done = Kill(victim, datetime.now(UTC), received)
        done.lanes = getattr(self, f"_kill_{victim}")()
        done.at = datetime.now(UTC)
        self.kills.append(done)
        return done

    def settle(self) -> None:
        """Everything that was taken away is back."""
        for thread in self._returning.values():
            thread.join()
        if self._failures:
            raise self._failures[0]

    @property
    def are_at_work(self) -> bool:
        """Whether a work-horse still runs: one that was frozen or lost its worker may bring answers after the end."""
        return any(map(_lives, self._loose)) or bool(self._horses())

    # Each returns the names of the lanes that die with it, as the ledger has them: "…:PID@HOST".

    def _kill_horse(self) -> list[str]:
        horse = self._wait_for(self._horses)
        self._end(horse)
        return [f":{horse.pid}@"]

    def _kill_worker(self) -> list[str]:
        horse = self._wait_for(self._horses)
        worker = horse.parent()
        horses = self._children(worker) if worker else [horse]
        for process in [*([worker] if worker else []), *horses]:
            self._end(process)
        return [f":{process.pid}@" for process in {horse, *horses}]

    def _kill_orphaning(self) -> list[str]:
        horse = self._wait_for(self._horses)
        self._loose.append(horse)
        if worker := horse.parent():
            self._end(worker)
        return []

    def _kill_cron(self) -> list[str]:
        self._end(self._wait_for(lambda: self._running("cron")))
        return []

    def _kill_tick(self) -> list[str]:
        worker = self._wait_for(lambda: self._running("tick"))
        for process in [worker, *self._children(worker)]:
            self._end(process)
        return []

    def _kill_valkey(self) -> list[str]:
        folder = self.stack.folder / "valkey"
        self._take_away("valkey", lambda: crashes.lose_valkey(folder), lambda: crashes.begin_valkey(folder))
        return []

    def _kill_postgres(self) -> list[str]:
        folder = self.stack.folder / "postgres"
        self._take_away(
            "postgres", lambda: crashes.crash_postgres(folder), lambda: crashes.recover_postgres(folder)
        )
        return []

    def _kill_frozen(self) -> list[str]:
        horse = self._wait_for(self._horses)
        self._loose.append(horse)

        def go_on() -> None:
            with suppress(psutil.NoSuchProcess):
                horse.resume()

        self._take_away(f"horse {horse.pid}", horse.suspend, go_on, seconds=FROZEN_FOR * self._lease)
        return [f":{horse.pid}@"]

    def _kill_silence(self) -> list[str]:
        assert self.line is not None
        self.line.fall_silent()
        return []

    def _kill_forget(self) -> list[str]:
        assert self.relay is not None
        self.relay.fall_silent()
        return []

    def _kill_swallow(self) -> list[str]:
        self._mood("swallows", True, usually=False)
        return []

    def _kill_late(self) -> list[str]:
        self._mood("late_s", LATE_BY * self._lease, usually=0.0)
        return []

    def _mood(self, name: str, value: Any, *, usually: Any) -> None:
        relay = self.relay
        assert relay is not None
        self._take_away(name, lambda: setattr(relay, name, value), lambda: setattr(relay, name, usually))

    @property
    def _lease(self) -> int:
        return int(self.stack.env.get("SINETE_LEASE_SECONDS", "30"))

    def _kill_read_only(self) -> list[str]:
        self._take_away("read only", lambda: self._read_only("on"), lambda: self._read_only("off"))
        return []

    def _read_only(self, value: str) -> None:
        """As a managed service does when its disk fills: the sessions that exist are told too."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(self.stack.database_url, autocommit=True) as admin:
                    admin.execute("SET default_transaction_read_only = off")
                    admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
                    admin.execute("SELECT pg_reload_conf()")
                return
            except psycopg.OperationalError:  # it was killed just now, and comes back
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _kill_flush(self) -> list[str]:
        valkey = redis.Redis.from_url(self.stack.env["REDIS_URL"])

        def flush() -> None:
            until = time.monotonic() + FLUSHED_FOR
            while time.monotonic() < until:
                with suppress(redis.RedisError):
                    valkey.flushall()
                time.sleep(FLUSH_EVERY)

        self._take_away("flush", lambda: None, flush)
        return []

    def _take_away(
        self, name: str, kill: Callable[[], None], begin: Callable[[], None], *, seconds: float | None = None
    ) -> None:
        if name in self._returning:
            self._returning[name].join()
        kill()
        pause = self.rng.uniform(*AWAY) if seconds is None else seconds

        def bring_back() -> None:
            time.sleep(pause)
            try:
                begin()
            except BaseException as error:
                self._failures.append(error)

        self._returning[name] = threading.Thread(target=bring_back)
        self._returning[name].start()

    # Finding them

    def _running(self, name: str) -> list[psutil.Process]:
        """What the supervisors of that name keep alive."""
        found = []
        for supervisor in self.stack.processes[name]:
            with suppress(psutil.NoSuchProcess):
                found += self._children(psutil.Process(supervisor.pid))
        return found

    def _horses(self) -> list[psutil.Process]:
        """The work-horses that are sending: those that hold a lease, or about to."""
        return [horse for worker in self._running("send") for horse in self._children(worker)]

    def _children(self, process: psutil.Process) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return process.children()
        return []

    def _wait_for(self, find: Callable[[], list[psutil.Process]]) -> psutil.Process:
        deadline = time.monotonic() + PATIENCE
        while not (found := find()):
            if time.monotonic() > deadline:
                raise SystemExit("nobody was there to be killed: does the send stand still?")
            time.sleep(0.02)
        return self.rng.choice(sorted(found, key=lambda process: process.pid))

    def _end(self, process: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            with suppress(psutil.TimeoutExpired):
                process.wait(5)


def hand_overs(database_url: str, lanes: list[str], *, delivery_id: int) -> dict[str, Any]:
    """What dead lanes held: tokens of chunks and later tries, and how many rows had no result yet.

    Asked as soon as PostgreSQL answers, long before the leases run out.
    """
    pattern = [f"%{lane}%" for lane in lanes]
    with psycopg.connect(database_url) as connection:
        chunks = connection.execute(
            "SELECT number, token, handed_upto - seq_from + 1 - sent - failed - retrying - in_doubt - ignored"
            " FROM deliveries_chunk WHERE delivery_id = %s AND lease_by LIKE ANY(%s)",
            [delivery_id, pattern],
        ).fetchall()
        tries = connection.execute(
            "SELECT seq, token FROM deliveries_try WHERE delivery_id = %s AND handed AND lease_by LIKE ANY(%s)",
            [delivery_id, pattern],
        ).fetchall()
    return {
        "chunks": {(number, token) for number, token, _open in chunks},
        "tries": set(tries),
        "open": sum(row[2] for row in chunks) + len(tries),
    }


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
