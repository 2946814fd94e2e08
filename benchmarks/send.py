"""`make bench-send`: how fast a confirmed delivery leaves, beside what the machine and others can do.

An 8 KB personalised message with HTML, text and five tracked links, to a separate `smtp-sink` (Debian's
postfix; without it to a small one of our own, and the result says `fallback`). In turn, several times over:

raw      ready bytes from as many processes and connections: the ceiling
source   `smtp-source`, postfix's own generator: no personalisation, no database
engine   from confirmation to the last result committed, through RQ workers
django   EmailMultiAlternatives over one kept connection, a row saved for each
"""

import argparse
import json
import os
import statistics
import sys
from typing import Any

from benchmarks import cost
from benchmarks.sinks import SMTP_SINK, Sink, sink
from campaign.stack.temporary import Stack, safety, temporary_stack

KINDS = ("raw", "source", "engine", "django")
LANES = (1, 2, 4, 8)
DELAY_MS = 50
PROFILES_OF_SCALING = 40_000


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    result = _scaling(args) if args.lanes_scaling else _comparison(args)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0 if result["valid"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-send", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=20_000, help="recipients of each run (20000)")
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are given (3)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes, each with a lane (2)")
    parser.add_argument("--connections", type=int, default=8, help="connections of a lane (8)")
    parser.add_argument("--django-messages", type=int, default=1_000, help="messages of a Django run (1000)")
    parser.add_argument("--only", choices=KINDS, action="append", help="leave out the other kinds of runs")
    parser.add_argument(
        "--pooled", action="store_true", help="workers go through PgBouncer in transaction mode"
    )
    parser.add_argument("--profiles", type=int, help="besides, one send to so many: a worker's memory")
    parser.add_argument(
        "--lanes-scaling",
        action="store_true",
        help=f"instead: throughput of 1 to {max(LANES)} lanes to a receiver that answers after {DELAY_MS} ms",
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    return parser.parse_args(argv)


def _as_text(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:>20}: {value}" for name, value in result.items())


# -- the comparison -----------------------------------------------------------------------------------


def _comparison(args: argparse.Namespace) -> dict[str, Any]:
    kinds = set(args.only or KINDS)
    with sink() as receiver, stack_for(receiver, workers=args.workers, pooled=args.pooled) as stack:
        if receiver.kind != SMTP_SINK:
            kinds.discard("source")
        set_up(stack, connections=args.connections)
        return _Comparison(args, kinds, receiver, stack).measured()


def stack_for(receiver: Sink, *, workers: int, pooled: bool = False) -> Any:
    return temporary_stack(
        ["tick", "cron"], pooled=pooled,
        RELAY_URL=f"smtp://127.0.0.1:{receiver.port}", SINETE_LANES=str(workers),
    )  # fmt: skip


def set_up(stack: Stack, *, connections: int) -> None:
    os.environ.update(stack.env)
    import django

    django.setup()
    from deliveries.routing import routes

    route = routes.default_route()
    route.connections = connections
    route.save()


class _Comparison:
    """Rounds of each kind of run in turn, so that what disturbs one disturbs all."""

    def __init__(self, args: argparse.Namespace, kinds: set[str], receiver: Sink, stack: Stack) -> None:
        from benchmarks import audience

        self.args, self.kinds, self.sink, self.stack = args, kinds, receiver, stack
        audience.people(args.messages)
        self.message = audience.message()
        workers = stack.start("send", count=args.workers)
        self.groups = {
            "workers": [worker.pid for worker in workers],
            "postgres": [_postmaster(stack)],
            "sink": [receiver.process.pid],
        }
        self.rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.runs: list[Any] = []

    def measured(self) -> dict[str, Any]:
        for number in range(1, self.args.runs + 1):
            for kind in KINDS:
                if kind in self.kinds:
                    self.rates[kind].append(getattr(self, f"_{kind}")(number))
        result = self._figures()
        if "engine" in self.kinds:
            result |= self._engine_figures()
        if self.args.profiles:
            result |= self._memory()
        result |= {
            "messages": self.args.messages,
            "message_bytes": len(self.message),
            "window": _largest_window(),
            "connections": self.args.connections,
            "workers": self.args.workers,
            "pooled": self.args.pooled,
            "sink": self.sink.kind,
            "load": cost.load(),
            **safety(self.stack.database_url),
        }
        return result | self._verdict(result)

    def _raw(self, number: int) -> float:
        from benchmarks import engine, rivals

        engine.show(f"raw {number}")
        args = self.args
        return rivals.raw(
            self.sink, messages=args.messages, processes=args.workers, connections=args.connections,
            message=self.message,
        )  # fmt: skip

    def _source(self, number: int) -> float:
        from benchmarks import engine, rivals

        engine.show(f"smtp-source {number}")
        return rivals.smtp_source(self.sink, messages=self.args.messages, size=len(self.message))

    def _engine(self, number: int) -> float:
        from benchmarks import engine

        self.runs.append(
            engine.send(f"engine {number}", sink=self.sink, messages=self.args.messages, groups=self.groups)
        )
        return self.runs[-1].per_s

    def _django(self, number: int) -> float:
        from benchmarks import engine, rivals

        engine.show(f"django {number}")
        return rivals.django_mail(self.sink, messages=self.args.django_messages)

    def _figures(self) -> dict[str, Any]:
        medians = {kind: statistics.median(rates) for kind, rates in self.rates.items() if rates}
        names = {"source": "smtp_source_per_s", "django": "django_mail_per_s"}
        result: dict[str, Any] = {
            names.get(kind, f"{kind}_per_s"): round(median) for kind, median in medians.items()
        }
        for name, other in (("ratio", "raw"), ("vs_smtp_source", "source"), ("speedup", "django")):
            if "engine" in medians and other in medians:
                result[name] = round(medians["engine"] / medians[other], 2)
        return result | {
            "runs": {kind: [round(rate) for rate in rates] for kind, rates in self.rates.items() if rates}
        }

    def _engine_figures(self) -> dict[str, Any]:
        from benchmarks import engine

        pause_s, is_exact = engine.pause(sink=self.sink, messages=self.args.messages)
        halt_s, is_exact_too = engine.halt(sink=self.sink, messages=self.args.messages)
        return {
            "first_message_s": round(statistics.median(run.first_message_s for run in self.runs), 2),
            "pause_s": round(pause_s, 2),
            "halt_s": round(halt_s, 2),
            "cpu_us_per_message": {
                who: round(statistics.median(run.cpu[who] for run in self.runs), 1) for who in self.groups
            },
            "wal_bytes_per_message": round(statistics.median(run.wal_bytes for run in self.runs)),
            "hot_share": round(statistics.median(run.hot_share for run in self.runs), 3),
            "sink_count": sum(run.sink_count for run in self.runs),
            "ledger_count": sum(run.ledger_count for run in self.runs),
            "balanced": all(run.is_exact for run in self.runs) and is_exact and is_exact_too,
        }

    def _memory(self) -> dict[str, Any]:
        """One send to as many as asked for, and the most that a worker's process held meanwhile."""
        from benchmarks import audience, engine

        audience.people(self.args.profiles, beyond=self.args.messages)
        with cost.peak_memory(self.groups["workers"]) as peaks:
            run = engine.send("memory", sink=self.sink, messages=self.args.profiles, groups=self.groups)
        return {
            "profiles": self.args.profiles,
            "peak_rss_mb": round(max(peaks.values())),
            "profiles_per_s": round(run.per_s),
            "profiles_balanced": run.is_exact,
        }

    def _verdict(self, result: dict[str, Any]) -> dict[str, Any]:
        """A ceiling below what another program reaches is none, and books that differ are worse."""
        why = []
        if {"raw", "source"} <= self.kinds and result["raw_per_s"] < 0.9 * result["smtp_source_per_s"]:
            why.append("raw_per_s is below 0.9 × smtp_source_per_s: the raw client is no ceiling")
        if not result.get("balanced", True) or not result.get("profiles_balanced", True):
            why.append("what the receiver counted is not what the ledger says")
        return {"valid": not why, "because": "; ".join(why)}


def _largest_window() -> int:
    from deliveries.sending.window import LARGEST_WINDOW

    return LARGEST_WINDOW


def _postmaster(stack: Stack) -> int:
    return int((stack.folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


# -- how it grows with lanes --------------------------------------------------------------------------


def _scaling(args: argparse.Namespace) -> dict[str, Any]:
    """Throughput of more and more lanes where the receiver, and not this machine, takes the time."""
    with sink(delay_ms=DELAY_MS) as receiver, stack_for(receiver, workers=max(LANES)) as stack:
        set_up(stack, connections=args.connections)
        from benchmarks import audience, engine

        audience.people(PROFILES_OF_SCALING)
        rates: dict[int, float] = {}
        for lanes in LANES:
            stack.start("send", count=lanes - len(stack.processes.get("send", [])))
            rates[lanes] = engine.throughput(f"{lanes} lanes", seconds=10, warm_up=4)
        efficiency = {lanes: round(rate / lanes / rates[1], 2) for lanes, rate in rates.items()}
        return {
            "lanes_per_s": {lanes: round(rate) for lanes, rate in rates.items()},
            "efficiency": efficiency,
            "delay_ms": DELAY_MS,
            "connections": args.connections,
            "load": cost.load(),
            "valid": True,
        }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
