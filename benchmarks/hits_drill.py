"""`make bench-hits ARGS=--drill`: whatever is killed while readers open and click, what was answered is there.

Readers ask the Procfile's `web` for signed addresses, each once, while it, `hits`, Valkey with all that it holds, and
PostgreSQL (stopped at once, without a checkpoint) are killed by SIGKILL and come back. It holds if each hit that was
answered has one row, none has two, and fewer than one answer in a thousand was another than 200 or 302, the time
without PostgreSQL included. What was under way when `web` died got no answer: that is counted apart. Mirror pages are
not asked for: they show a row of PostgreSQL, and say 503 without it.
"""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from benchmarks.crash_victims import Victims
from benchmarks.hits_addresses import PRODUCTION, Hit, addresses_of, rows_of, sent_delivery, until
from campaign.stack.temporary import Stack

READERS = 8
MIX = {"opens": 60, "clicks": 25, "personalised": 10, "opt_outs": 5}  # in hundredths
OF_ALL = ("web", "hits", "valkey", "postgres")
BETWEEN = 0.5  # seconds at least with everything there before the next is killed
MOST_OTHERS = 0.001  # of the answers
SECONDS_TO_ANSWER = 15
HEADERS = {
    "Host": "news.example.com",
    "X-Forwarded-Proto": "https",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
}


def drill(stack: Stack, *, messages: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill so many while readers ask, compare, and return what was found; raise SystemExit where all stands still."""
    delivery = sent_delivery(messages)
    stack.start("web", supervised=True, **PRODUCTION)
    stack.start("hits", supervised=True)
    rng = random.Random(seed)
    victims = _Victims(stack, rng)
    readers = _Readers(stack.web_url, _mixed(delivery, messages))
    until(readers.is_served, "the web process answers")
    readers.begin()
    killed: Counter[str] = Counter()
    began = time.monotonic()
    try:
        for victim in _drawn(rng, kills):
            readers.go_on(BETWEEN)
            victims.kill(victim, received=0)
            killed[victim] += 1
        victims.settle()
        readers.go_on(BETWEEN)
    finally:
        readers.end()
        with suppress(BaseException):
            victims.settle()
    return _compared(readers, delivery) | {
        "kills": dict(killed),
        "seconds": round(time.monotonic() - began, 1),
        "seed": seed,
    }


def _drawn(rng: random.Random, kills: int) -> list[str]:
    """Each as often as the others, in an order that the seed decides."""
    victims = [OF_ALL[number % len(OF_ALL)] for number in range(kills)]
    rng.shuffle(victims)
    return victims


class _Victims(Victims):
    """With the two processes that opens and clicks need."""

    def _kill_web(self) -> list[str]:
        self._end_with_children("web")
        return []

    def _kill_hits(self) -> list[str]:
        self._end_with_children("hits")
        return []

    def _end_with_children(self, name: str) -> None:
        process = self._wait_for(lambda: self._running(name))
        for one in [process, *process.children(recursive=True)]:
            self._end(one)


class _Readers:
    """Ask for each address once, as many at a time as there are readers."""

    def __init__(self, url: str, addresses: Iterator[tuple[str, Hit]]) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname or "", parts.port
        self._addresses, self._lock = addresses, threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _number in range(READERS)]
        self.answered: set[Hit] = set()
        self.asked: set[Hit] = set()
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        self._is_exhausted = False

    def is_served(self) -> bool:
        """Whether the web process takes connections, and answers."""
        with suppress(OSError, http.client.HTTPException):
            return self._answer(self._connection(), "GET /b/up") == 200
        return False

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def go_on(self, seconds: float) -> None:
        """Return once there were answers for so long; raise SystemExit where none come any more."""
        if self._is_exhausted:
            raise SystemExit("more was asked for than there are addresses; give more --messages")
        before, end = sum(self.answers.values()), time.monotonic() + seconds
        until(lambda: sum(self.answers.values()) > before + READERS, "readers are answered")
        self._is_over.wait(max(0.0, end - time.monotonic()))

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        connection = self._connection()
        while not self._is_over.is_set():
            with self._lock:
                line, hit = next(self._addresses, ("", None))
                if hit is None:
                    self._is_exhausted = True
                    return
                self.asked.add(hit)
            while not self._is_connected(connection):
                if self._is_over.wait(0.05):
                    return
            try:
                status = self._answer(connection, line)
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self.unanswered += 1
                continue
            with self._lock:
                self.answers[status] += 1
                if status in (200, 302):
                    self.answered.add(hit)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._place, timeout=SECONDS_TO_ANSWER)

    def _is_connected(self, connection: http.client.HTTPConnection) -> bool:
        if connection.sock is None:
            with suppress(OSError):
                connection.connect()
        return connection.sock is not None

    def _answer(self, connection: http.client.HTTPConnection, line: str) -> int:
        method, path, *body = line.split(" ")
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body="".join(body) or None, headers=HEADERS | form)
        response = connection.getresponse()
        response.read()
        return response.status


def _mixed(delivery: Any, messages: int) -> Iterator[tuple[str, Hit]]:
    names = [name for name, share in MIX.items() for _one in range(share)]
    sources = {name: addresses_of(name, delivery, messages) for name in MIX}
    place = 0
    while True:
        place += 37  # spread over the hundred, not in blocks
        line, hit = next(sources[names[place % 100]], ("", None))
        if hit is None:
            return
        yield line, hit


def _compared(readers: _Readers, delivery: Any) -> dict[str, Any]:
    """What was answered beside what has a row, once nothing waits any more."""
    ids, hits = rows_of(delivery)
    there, answers = set(hits), sum(readers.answers.values())
    others = answers - readers.answers[200] - readers.answers[302]
    found = {
        "asked": len(readers.asked),
        "answers": answers,
        "answered_hits": len(readers.answered),
        "other_answers": others,
        "by_status": {str(status): number for status, number in sorted(readers.answers.items())},
        "unanswered": readers.unanswered,
        "hits_stored": len(hits),
        "missing_of_answered": len(readers.answered - there),
        "doubled": len(hits) - len(there) + len(hits) - len(set(ids)),
        "never_asked": len(there - readers.asked),
    }
    wrong = found["missing_of_answered"] or found["doubled"] or found["never_asked"]
    return found | {"held": not wrong and answers > 0 and others < MOST_OTHERS * answers}
