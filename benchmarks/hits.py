"""`make bench-hits`: opens and clicks a second through one web process, and every hit compared afterwards.

The Procfile's `web` runs with production settings and `hits` beside it; wrk (Debian's) asks for signed addresses, each
once. In turn: a bare view behind the same middleware, opens, clicks on links that are the same for everybody, clicks
on personalised ones. Then a mix of all, with mirror pages and opt-outs, at half of the measured pace. At the end each
hit in the database is compared by its id with what was asked. It ends with 0 only if nothing is missing or doubled.
Beside each pace stands what a request cost the web process in processor time, which says more on a busy machine.
With `--drill` it kills instead of measuring: see hits_drill.py.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import psutil

from benchmarks import hits_drill
from benchmarks.hits_addresses import PRODUCTION, TOKEN_KEYS, Hit, addresses_of, rows_of, sent_delivery, until
from campaign.stack.temporary import Stack, temporary_stack

SCRIPT = Path(__file__).with_name("hits.lua")
CONNECTIONS = 16
PHASES = ("bare", "opens", "clicks", "personalised")
# Of the mix, in hundredths: an open is far the most frequent, an opt-out rare.
MIX = {"opens": 60, "clicks": 25, "personalised": 10, "mirrors": 3, "opt_outs": 2}


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    wrk = shutil.which("wrk") or ""
    if not wrk and not args.drill:
        raise SystemExit("wrk is not here: apt-get install wrk")
    with temporary_stack(TOKEN_KEYS=TOKEN_KEYS, LOG_LEVEL="ERROR") as stack:
        os.environ.update(stack.env)
        import django

        django.setup()
        if args.drill:
            result = hits_drill.drill(stack, messages=args.messages, kills=args.kills, seed=args.seed)
        else:
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
    parser.add_argument("--drill", action="store_true", help="kill while readers ask, in place of measuring")
    parser.add_argument("--kills", type=int, default=20, help="of the drill (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the drill: decides who is killed when (1)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    return parser.parse_args(argv)


class _Bench:
    """One web process, one sent delivery, and the addresses in its messages, of which each is asked for once."""

    def __init__(self, stack: Stack, wrk: str, args: argparse.Namespace) -> None:
        self.stack, self.wrk, self.args = stack, wrk, args
        self.delivery = sent_delivery(args.messages)
        self.addresses: dict[str, Iterator[tuple[str, Hit | None]]] = {
            name: addresses_of(name, self.delivery, args.messages) for name in (*PHASES, *MIX)
        }
        self.asked: set[Hit] = set()
        self.in_flight = self.answered = 0

    def result(self) -> dict[str, Any]:
        (self.web,) = self.stack.start("web", **PRODUCTION)
        self.stack.start("hits")
        until(lambda: self._answers("/b/up"), "the web process answers")
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in PHASES}
        for _round in range(self.args.rounds):
            for name in PHASES:
                rounds[name].append(self._load(name, self.addresses[name]))
        paces = {name: statistics.median(_pace(one) for one in rounds[name]) for name in PHASES}
        half = self._load("half", self._mix(), pace=_of_mix(paces) / 2)
        every = [one for name in PHASES for one in rounds[name]] + [half]
        told = {name: [round(_pace(one)) for one in own] for name, own in rounds.items()}
        return self._told(paces, half, every) | {"rounds_per_s": told}

    def _told(
        self, paces: dict[str, float], half: dict[str, Any], every: list[dict[str, Any]]
    ) -> dict[str, Any]:
        books = self._compare()
        other = sum(one["other"] + one["unanswered"] for one in every)
        return {
            **{f"{name}_per_s": round(pace) for name, pace in paces.items()},
            **{f"ratio_{name}": round(paces[name] / paces["bare"], 2) for name in PHASES[1:]},
            **{f"web_cpu_ms_{name}": _cpu(every, name) for name in (*PHASES, "half")},
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
        cpu = _seconds_of_processor(self.web.pid)
        done = subprocess.run(
            [self.wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration",
             f"{self.args.seconds}s", "--latency", "--script", str(SCRIPT), self.stack.web_url, "--", str(path),
             f"{pause:.0f}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        told = json.loads(done.stdout.partition("RESULT ")[2])
        told |= {"name": name, "cpu": _seconds_of_processor(self.web.pid) - cpu}
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
        ids, hits = rows_of(self.delivery)
        there = set(hits)
        missing = self.asked - there
        return {
            "hits_asked_for": len(self.asked),
            "hits_answered": self.answered,
            "hits_stored": len(hits),
            "ids": len(set(ids)),
            "missing": len(missing),
            "in_flight_at_the_end": self.in_flight,
            "missing_of_answered": max(0, len(missing) - self.in_flight),
            "never_asked": len(there - self.asked) + len(hits) - len(there),
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


def _seconds_of_processor(pid: int) -> float:
    """What a process and those that it started have had of the processors."""
    one = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:2]) for process in (one, *one.children(recursive=True)))


def _cpu(every: list[dict[str, Any]], name: str) -> float:
    """Milliseconds of processor time that a request of this sort cost the web process."""
    own = [one for one in every if one["name"] == name]
    return round(1000 * sum(one["cpu"] for one in own) / max(1, sum(one["answered"] for one in own)), 2)


def _pace(told: dict[str, Any]) -> float:
    return told["answered"] / told["seconds"]


def _of_mix(paces: dict[str, float]) -> float:
    """What the mix would reach at full load; a mirror page or an opt-out costs as a personalised click, or more."""
    return 100 / sum(share / paces.get(name, paces["personalised"]) for name, share in MIX.items())


def _as_text(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:<24} {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
