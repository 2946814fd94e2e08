"""`make bench-rest`: what the stack costs while nothing happens: processor time over a minute, by process.

A stack of its own comes up with the demo, every process of the Procfile, PostgreSQL and Valkey. Of a kind of which
`make run` starts more than one, all are counted together. Then one delivery is confirmed again and again, to tell how
soon its first message arrives.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
from honcho.environ import parse_procfile

from benchmarks.sinks import sink
from campaign.stack.run import HOW_MANY
from campaign.stack.temporary import BASE_DIR, Stack, temporary_stack

SETTLED_S = 45  # after the start, in which everything is loaded and what was left over is done
PATIENCE = 120.0


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    with (
        sink() as receiver,
        temporary_stack(LOG_LEVEL="WARNING", RELAY_URL=f"smtp://127.0.0.1:{receiver.port}") as stack,
    ):
        if not args.without_demo:
            stack.manage("load_demo")
        for name in parse_procfile((BASE_DIR / "Procfile").read_text()).processes:
            stack.start(name, count=HOW_MANY.get(name, 1), supervised=True)
        time.sleep(SETTLED_S)
        result = _at_rest(stack, seconds=args.seconds)
        result["first_message_s"] = _first_messages(stack, receiver, args.sends)
    print(json.dumps(result) if args.as_json else _as_text(result))
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-rest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for how long it is watched (60)")
    parser.add_argument(
        "--sends", type=int, default=7, help="deliveries whose first message is waited for (7)"
    )
    parser.add_argument("--without-demo", action="store_true", help="an empty database instead of the demo's")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    return parser.parse_args(argv)


def _at_rest(stack: Stack, *, seconds: int) -> dict[str, Any]:
    """Per cent of one processor, by the name of the process; what ended meanwhile is counted with its parent."""
    before, began = _spent(stack), time.perf_counter()
    time.sleep(seconds)
    after, took = _spent(stack), time.perf_counter() - began
    percent = {name: round((after[name] - before[name]) / took * 100, 2) for name in after}
    return {"seconds": round(took, 1), "percent": percent, "total_percent": round(sum(percent.values()), 2)}


def _spent(stack: Stack) -> dict[str, float]:
    """Seconds of processor time so far."""
    return {name: sum(map(_with_children, group)) for name, group in _roots(stack)}


def _roots(stack: Stack) -> Iterator[tuple[str, list[psutil.Process]]]:
    for name, group in stack.processes.items():
        yield name, [psutil.Process(process.pid) for process in group]
    yield (
        "postgres",
        [psutil.Process(int((stack.folder / "postgres" / "postmaster.pid").read_text().split()[0]))],
    )
    yield "valkey", [each for each in psutil.process_iter() if _serves(each, stack)]


def _serves(process: psutil.Process, stack: Stack) -> bool:
    try:
        return "valkey" in process.name() and process.cwd().startswith(str(stack.folder))
    except psutil.Error:
        return False


def _with_children(process: psutil.Process) -> float:
    """Of a process and all below it; of those that ended, as far as their parents waited for them."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _first_messages(stack: Stack, receiver: Any, sends: int) -> dict[str, float] | None:
    """From the confirmation until the receiver has the first message."""
    if not sends:
        return None
    os.environ.update(stack.env)
    import django

    django.setup()
    from benchmarks import audience

    audience.people(20)
    took = []
    for number in range(sends):
        delivery = audience.ready_delivery(f"First {number}")
        arrived, began = receiver.count(), time.perf_counter()
        audience.confirm(delivery)
        _until(lambda arrived=arrived: receiver.count() > arrived, "the first message arrives")
        took.append(time.perf_counter() - began)
        _until(lambda delivery=delivery: _is_over(delivery), "the delivery is over")
    return {"median": round(statistics.median(took), 3), "slowest": round(max(took), 3)}


def _is_over(delivery: Any) -> bool:
    delivery.refresh_from_db()
    return delivery.status == "finished"


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.005)


def _as_text(result: dict[str, Any]) -> str:
    lines = [f"{'process':<12} {'% of a core':>12}"]
    lines += [f"{name:<12} {value:>12}" for name, value in result["percent"].items()]
    lines.append(f"{'total':<12} {result['total_percent']:>12}")
    if first := result["first_message_s"]:
        lines += [
            "",
            f"First message {first['median']} s after the confirmation, {first['slowest']} s at the most.",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
