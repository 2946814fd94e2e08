"""`make bench-send`: how fast a confirmed delivery leaves, beside what the relay's own tools reach.

An 8 KB personalised message with five tracked links, from confirmation to the last result committed, to a
separate `smtp-sink` (Debian's postfix; without it to the development receiver, and the result says so).
Beside it `smtp-source`, postfix's own generator, at the same sink: no personalisation, no database.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from campaign.stack.temporary import Stack, safety, temporary_stack

PATIENCE = 600
WORKERS = 2


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench-send", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="recipients of each run (20000)")
    parser.add_argument("--runs", type=int, default=3, help="runs; the median is given (3)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    with _sink() as (port, kind):
        relay = f"smtp://127.0.0.1:{port}"
        with temporary_stack(["tick", "cron"], RELAY_URL=relay, SINETE_LANES=str(WORKERS)) as stack:
            stack.start("send", count=WORKERS)
            result = _measure(stack, args.messages, args.runs, port, kind)
    print(json.dumps(result) if args.as_json else "\n".join(f"{k:>20}: {v}" for k, v in result.items()))
    return 0 if result["balanced"] else 1


def _measure(stack: Stack, messages: int, runs: int, port: int, kind: str) -> dict[str, Any]:
    os.environ.update(stack.env)
    import django

    django.setup()
    from benchmarks import audience

    audience.people(messages)
    runs_ = [_run(audience, messages, number) for number in range(1, runs + 1)]
    rates, firsts = [rate for rate, _first, _ok in runs_], [first for _rate, first, _ok in runs_]
    balanced = all(ok for _rate, _first, ok in runs_)
    source = [_smtp_source(port, messages) for _ in range(runs)] if kind == "smtp-sink" else []
    engine = statistics.median(rates)
    return {
        "engine_per_s": round(engine),
        "engine_runs": [round(rate) for rate in rates],
        "smtp_source_per_s": round(statistics.median(source)) if source else None,
        "vs_smtp_source": round(engine / statistics.median(source), 2) if source else None,
        "first_result_s": round(statistics.median(firsts), 2),
        "messages": messages,
        "workers": WORKERS,
        "sink": kind,
        "balanced": balanced,
        **safety(stack.env["DATABASE_URL"]),
    }


def _run(audience: Any, messages: int, number: int) -> tuple[float, float, bool]:
    """Messages a second, seconds to the first result, and whether the books balance."""
    from deliveries.sending import recovery

    delivery = audience.ready_delivery(f"Run {number}")
    began = time.perf_counter()
    audience.confirm(delivery)
    first = _until(lambda: _sent(delivery) > 0, f"run {number}: first message")
    ended = _until(
        lambda: _is_over(delivery), f"run {number}", lambda: f"{_sent(delivery):,} of {messages:,}"
    )
    balanced = not recovery.imbalance(delivery) and _sent(delivery) == messages
    return messages / (ended - began), first - began, balanced


def _sent(delivery: Any) -> int:
    return sum(delivery.chunks.values_list("sent", flat=True))


def _is_over(delivery: Any) -> bool:
    delivery.refresh_from_db(fields=["status"])
    return delivery.status == "finished"


def _until(condition: Any, what: str, progress: Any = lambda: "") -> float:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not over after {PATIENCE} s")
        if sys.stderr.isatty():
            print(f"\r{what}: {progress()}   ", end="", file=sys.stderr, flush=True)
        time.sleep(0.02)
    return time.perf_counter()


@contextmanager
def _sink() -> Iterator[tuple[int, str]]:
    """A receiver in a process of its own, and what kind it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command, kind = [program, *user, f"127.0.0.1:{port}", "1000"], "smtp-sink"
    else:
        command = [sys.executable, "-m", "campaign.stack", "receiver", "--refuse", "none"]
        kind = "fallback"
    process = subprocess.Popen(command, env={**os.environ, "MAIL_PORT": str(port)})
    try:
        _await_port(port)
        yield port, kind
    finally:
        process.kill()
        process.wait()


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the receiver did not come up")


def _smtp_source(port: int, messages: int) -> float:
    program = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    began = time.perf_counter()
    subprocess.run(
        [str(program), "-d", "-s", "8", "-m", str(messages), "-l", "8000", f"127.0.0.1:{port}"], check=True
    )
    return messages / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
