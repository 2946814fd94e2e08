"""`make bench-plans`: what PostgreSQL does for each statement of a send, as it says itself (auto_explain).

A delivery leaves through real workers to `smtp-sink`; of a share of all statements the time, the pages, the log
and the plan are kept. Two sends follow one another: the second's rows stand beside those of the first.
"""

import argparse
import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from benchmarks.sinks import sink
from campaign.stack.temporary import Stack

SHARE = 0.3  # of the statements, or the log of it all would be the most of the work
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",  # to look at the clock for each row costs more than the row
    "auto_explain.log_buffers": "on",
    "auto_explain.log_wal": "on",
    "auto_explain.log_parameter_max_length": "0",
    "auto_explain.sample_rate": str(SHARE),
}
_SAID = re.compile(r"duration: ([\d.]+) ms  plan:\s+Query Text:\s*(.*?)\n(\t\S[^\n]*\(cost=.*)", re.S)
_ENTRY = re.compile(r"\n(?=\d{4}-\d\d-\d\d )")


class Statement(NamedTuple):
    """One execution: its time, the pages it touched, what it wrote to the log, and how it was done."""

    text: str
    ms: float
    pages: int
    wal_bytes: int
    plan: str


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    statements = _sent(args.messages)
    if args.plan:
        print(_median_plan(statements, args.plan))
        return 0
    rows = _table(statements, sends=2, messages=args.messages)
    print(json.dumps(rows) if args.as_json else _as_text(rows))
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-plans", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=50_000, help="recipients of each send (50000)")
    parser.add_argument(
        "--plan", metavar="WORDS", help="instead: a usual plan of the statements with these words"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON array")
    return parser.parse_args(argv)


def _sent(messages: int) -> list[Statement]:
    from benchmarks import send

    with sink() as receiver, send.stack_for(receiver, workers=2) as stack:
        send.set_up(stack, connections=8)
        _explain(stack)
        from benchmarks import audience, engine

        audience.people(messages)
        stack.start("send", count=2)
        for number in (1, 2):
            engine.send(f"send {number}", sink=receiver, messages=messages, groups={"workers": []})
        return _read(stack.folder / "postgres" / "log")


def _explain(stack: Stack) -> None:
    """Of every connection that is opened from now on."""
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
        for name, value in SETTINGS.items():
            connection.execute(f"ALTER DATABASE \"{connection.info.dbname}\" SET {name} = '{value}'")


def _read(log: Path) -> list[Statement]:
    found = (_SAID.search(entry) for entry in _ENTRY.split(log.read_text(errors="replace")))
    return [_statement(*said.groups()) for said in found if said is not None]


def _statement(ms: str, text: str, plan: str) -> Statement:
    text = re.sub(r"\s*Query Parameters:.*", "", text, flags=re.S)
    text = re.sub(r"\b\d+::bigint", "$n::bigint", text)  # named by `ranges.named`
    pages = re.search(r"Buffers: shared hit=(\d+)", plan)
    wal = re.search(r"WAL: records=\d+(?: fpi=\d+)? bytes=(\d+)", plan)
    return Statement(
        text=re.sub(r"\s+", " ", text).strip(),
        ms=float(ms),
        pages=int(pages[1]) if pages else 0,
        wal_bytes=int(wal[1]) if wal else 0,
        plan=plan.rstrip(),
    )


def _table(statements: list[Statement], *, sends: int, messages: int) -> list[dict[str, Any]]:
    """By statement, the dearest first; microseconds a message are of all its executions together."""
    by_text: dict[str, list[Statement]] = defaultdict(list)
    for one in statements:
        by_text[one.text].append(one)
    rows = [
        {
            "statement": text[:90],
            "calls": round(len(same) / SHARE),
            "median_ms": round(statistics.median(one.ms for one in same), 3),
            "pages": round(statistics.median(one.pages for one in same)),
            "wal_bytes": round(statistics.median(one.wal_bytes for one in same)),
            "us_per_message": round(sum(one.ms for one in same) / SHARE / sends / messages * 1_000, 2),
        }
        for text, same in by_text.items()
    ]
    return sorted(rows, key=lambda row: -row["us_per_message"])


def _as_text(rows: list[dict[str, Any]]) -> str:
    head = f"{'µs/message':>10} {'calls':>7} {'ms':>8} {'pages':>6} {'log bytes':>9}  statement"
    lines = [
        f"{row['us_per_message']:>10} {row['calls']:>7} {row['median_ms']:>8} {row['pages']:>6}"
        f" {row['wal_bytes']:>9}  {row['statement']}"
        for row in rows[:15]
    ]
    return "\n".join([head, *lines])


def _median_plan(statements: list[Statement], words: str) -> str:
    found = sorted((one for one in statements if words in one.text), key=lambda one: one.ms)
    if not found:
        return f"No statement has the words “{words}”."
    one = found[len(found) // 2]
    return f"{one.ms} ms\n{one.plan}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
