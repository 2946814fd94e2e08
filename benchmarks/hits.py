"""`make bench-hits`: opens and clicks a second through one web process, and every hit compared afterwards.

The Procfile's `web` runs with production settings and `hits` beside it; wrk (Debian's) asks for signed addresses, each
once. In turn: a bare view behind the same middleware, opens, clicks on links that are the same for everybody, clicks
on personalised ones. Then a mix of all, with mirror pages and opt-outs, at half of the measured pace. At the end each
hit in the database is compared by its id with what was asked. It ends with 0 only if nothing is missing or doubled.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

from campaign.stack.temporary import Stack, temporary_stack

SCRIPT = Path(__file__).with_name("hits.lua")
CONNECTIONS = 16
PATIENCE = 120.0
PERSONAL = (
    '<p><a href="https://www.example.com/mine?name={{ profile.first_name }}">Mine, {{ profile.city }}</a></p>'
)
PRODUCTION: dict[str, Any] = {
    "DEBUG": "0",
    "SINETE_WEB": "1",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ALLOWED_HOSTS": "news.example.com",
    "PUBLIC_URL": "https://news.example.com",
    "BEHIND_PROXY": "1",
    "LOG_LEVEL": "WARNING",
    "DJANGO_SETTINGS_MODULE": "benchmarks.hits_settings",
}
TOKEN_KEYS = f"1={'ab' * 32}"
PHASES = ("bare", "opens", "clicks", "personalised")
# Of the mix, in hundredths: an open is far the most frequent, an opt-out rare.
MIX = {"opens": 60, "clicks": 25, "personalised": 10, "mirrors": 3, "opt_outs": 2}
KINDS = {
    "opens": "open",
    "clicks": "click",
    "personalised": "click",
    "mirrors": "mirror",
    "opt_outs": "unsubscribe",
}
Hit = tuple[str, int, int | None]  # kind, number of the message, link


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not here: apt-get install wrk")
    with temporary_stack(TOKEN_KEYS=TOKEN_KEYS, LOG_LEVEL="ERROR") as stack:
        result = _Bench(stack, wrk, args).result()
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0 if result["held"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-hits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is told (3)")
    parser.add_argument("--messages", type=int, default=60_000, help="recipients, each opens once (60000)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    return parser.parse_args(argv)


class _Bench:
    """One web process, one sent delivery, and the addresses in its messages, of which each is asked for once."""

    def __init__(self, stack: Stack, wrk: str, args: argparse.Namespace) -> None:
        os.environ.update(stack.env)
        import django

        django.setup()
        self.stack, self.wrk, self.args = stack, wrk, args
        self.delivery = _sent_delivery(args.messages)
        self.addresses: dict[str, Iterator[tuple[str, Hit | None]]] = {
            name: _addresses(name, self.delivery, args.messages) for name in (*PHASES, *MIX)
        }
        self.asked: set[Hit] = set()
        self.in_flight = self.answered = 0

    def result(self) -> dict[str, Any]:
        self.stack.start("web", **PRODUCTION)
        self.stack.start("hits")
        _until(lambda: self._answers("/b/up"), "the web process answers")
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in PHASES}
        for _round in range(self.args.rounds):
            for name in PHASES:
                rounds[name].append(self._load(name, self.addresses[name]))
        paces = {name: statistics.median(_pace(one) for one in rounds[name]) for name in PHASES}
        half = self._load("half", self._mix(), pace=_of_mix(paces) / 2)
        every = [one for name in PHASES for one in rounds[name]] + [half]
        return self._told(paces, half, every)

    def _told(
        self, paces: dict[str, float], half: dict[str, Any], every: list[dict[str, Any]]
    ) -> dict[str, Any]:
        books = self._compare()
        other = sum(one["other"] + one["unanswered"] for one in every)
        return {
            **{f"{name}_per_s": round(pace) for name, pace in paces.items()},
            **{f"ratio_{name}": round(paces[name] / paces["bare"], 2) for name in PHASES[1:]},
            "half_load_per_s": round(_pace(half)),
            "p99_ms_at_half_load": half["p99_ms"],
            "p50_ms_at_half_load": half["p50_ms"],
            "other_answers": other,
            **books,
            "seconds": self.args.seconds,
            "rounds": self.args.rounds,
            "connections": CONNECTIONS,
            "held": not other and not books["missing_of_answered"] and not books["never_asked"],
        }

    def _load(
        self, name: str, addresses: Iterator[tuple[str, Hit | None]], *, pace: float = 0.0
    ) -> dict[str, Any]:
        """wrk asks for as many of these as are answered; at `pace` a second at most."""
        most = int(8_000 * self.args.seconds)
        batch = list(islice(addresses, most))
        path = self.stack.folder / f"{name}.txt"
        path.write_text("".join(f"{line}\n" for line, _hit in batch))
        pause = 1000 * CONNECTIONS / pace if pace else 0
        done = subprocess.run(
            [self.wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration",
             f"{self.args.seconds}s", "--latency", "--script", str(SCRIPT), self.stack.web_url, "--", str(path),
             f"{pause:.0f}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        told = json.loads(done.stdout.partition("RESULT ")[2])
        if told["asked"] > len(batch):
            raise SystemExit(f"{name}: more was asked for than there are addresses; give more --messages")
        self.addresses[name] = chain(batch[told["asked"] :], addresses)
        hits = {hit for _line, hit in batch[: told["asked"]] if hit is not None}
        self.asked |= hits
        if hits:
            self.in_flight += told["asked"] - told["answered"]
            self.answered += told["answered"]
        return told

    def _mix(self) -> Iterator[tuple[str, Hit | None]]:
        names = [name for name, share in MIX.items() for _one in range(share)]
        # Spread over the hundred, not in blocks: 37 has no factor in common with it.
        for place in cycle(range(100)):
            try:
                yield next(self.addresses[names[place * 37 % 100]])
            except StopIteration:
                return

    def _compare(self) -> dict[str, Any]:
        """What was asked beside what has a row, once nothing waits any more."""
        from django.db import connection

        from feedback import segments
        from feedback.models import Hit as Row

        _until(lambda: not segments.is_anything_waiting(), "everything is brought in")
        connection.close()
        rows = list(Row.objects.filter(delivery=self.delivery).values_list("id", "kind", "seq", "link"))
        there = {(kind, seq, link) for _id, kind, seq, link in rows}
        missing = self.asked - there
        return {
            "hits_asked_for": len(self.asked),
            "hits_answered": self.answered,
            "hits_stored": len(rows),
            "ids": len({row[0] for row in rows}),
            "missing": len(missing),
            "in_flight_at_the_end": self.in_flight,
            "missing_of_answered": max(0, len(missing) - self.in_flight),
            "never_asked": len(there - self.asked) + len(rows) - len(there),
        }

    def _answers(self, path: str) -> bool:
        headers = {"Host": "news.example.com", "X-Forwarded-Proto": "https"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.stack.web_url + path, headers=headers), timeout=5
            ):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def _sent_delivery(messages: int) -> Any:
    """A delivery whose messages count as sent: what a message needs for its links to be served."""
    from django.db import connection

    from benchmarks import audience

    audience.people(messages)
    delivery = audience.ready_delivery("Hits", more=PERSONAL)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE deliveries_delivery SET status = 'finished' WHERE id = %s", [delivery.pk])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE deliveries_message")
    connection.close()
    return delivery


def _addresses(name: str, delivery: Any, messages: int) -> Iterator[tuple[str, Hit | None]]:
    """Each address of that sort once, as a line for wrk and as the hit that it makes."""
    from campaign.lib.tokens import Purpose, default_signer

    sign = default_signer().sign
    if name == "bare":
        yield from (("GET /b/" + sign(Purpose.OPEN, delivery.key, 1), None) for _again in cycle([0]))
    links = [link for link in delivery.preparation.compiled["links"] if link["kind"] == "tracked"]
    personal = [link["index"] for link in links if "profile" in link["template"]]
    numbers: dict[str, list[int]] = {
        "clicks": [link["index"] for link in links if link["index"] not in personal],
        "personalised": personal,
    }
    purpose, form = {
        "opens": (Purpose.OPEN, "GET /o/{}.gif"),
        "clicks": (Purpose.CLICK, "GET /c/{}"),
        "personalised": (Purpose.CLICK, "GET /c/{}"),
        "mirrors": (Purpose.MIRROR, "GET /m/{}"),
        "opt_outs": (Purpose.UNSUBSCRIBE, "POST /u/{} List-Unsubscribe=One-Click"),
    }[name]
    for link in numbers.get(name, [0]):
        for seq in range(1, messages + 1):
            token = sign(purpose, delivery.key, seq, link)
            yield form.format(token), (KINDS[name], seq, link if purpose == Purpose.CLICK else None)


def _pace(told: dict[str, Any]) -> float:
    return told["answered"] / told["seconds"]


def _of_mix(paces: dict[str, float]) -> float:
    """What the mix would reach at full load; a mirror page or an opt-out costs as a personalised click, or more."""
    return 100 / sum(share / paces.get(name, paces["personalised"]) for name, share in MIX.items())


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.1)


def _as_text(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:<24} {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
