"""`make bench-pages`: what the server takes for every address that has a name, in a house at size.

People, one delivery with its messages and hits are laid in the database of a temporary stack by a few statements. Each
named address is asked for by somebody who holds all roles in a sub-unit, and by the operator of the whole house where
that person may not; nothing keeps answers. Told are the medians of five answers after a first: by the clock, and of
processor time, which other work on the machine changes less (of Python and PostgreSQL, without its parallel workers);
and the statements and the octets of each. Then the sending log is exported, and its rows a second and the memory are
told. Ends with 1 where a page answers with an error, or takes longer than the goal.
"""

import argparse
import json
import logging
import os
import statistics
import sys
import time
from typing import Any

import psutil

from benchmarks import cost
from campaign.stack.temporary import temporary_stack

GOAL_MS, FRAGMENT_MS, ROWS_A_SECOND = 100, 1_000, 100_000
ROUNDS = 5
SHOWN = (200, 286)  # the second tells a page to look no more
# Counts that load by themselves once their page is there.
FRAGMENTS = {
    "audiences:builder", "deliveries:count", "deliveries:occurrences", "reporting:click-map", "reporting:reconcile",
}  # fmt: skip
FRAGMENT_TABS = {"failures"}


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    with temporary_stack(kept=args.keep, LOG_LEVEL="ERROR") as stack:
        os.environ.update(stack.env)
        from django.conf import settings

        from campaign import wsgi

        assert wsgi.application  # loaded as the web server loads it

        settings.DEBUG, settings.ALLOWED_HOSTS = False, ["*"]  # else each statement is noted down besides
        result = measure(args)
    print(json.dumps(result) if args.as_json else as_text(result))
    return 0 if result["reached"] else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-pages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profiles", type=int, default=20_000, help="people in the house (20000)")
    parser.add_argument("--messages", type=int, default=20_000, help="of the delivery (20000)")
    parser.add_argument("--hits", type=int, default=60_000, help="of the delivery (60000)")
    parser.add_argument("--only", default="", metavar="WORDS", help="addresses with these words alone")
    parser.add_argument(
        "--keep", default="", metavar="FOLDER", help="lay the house in this folder's database once"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if args.profiles < 1_000 or args.messages < 1_000 or args.hits < 1:
        parser.error("at least 1000 people, 1000 messages and 1 hit")
    return args


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Lay the house and ask for each page; the whole answer."""
    from benchmarks.pages_data import House

    began = time.monotonic()
    house = House.found() or House.laid(profiles=args.profiles, messages=args.messages, hits=args.hits)
    laid = time.monotonic() - began
    figures = _figures(house)
    listed, excepted = look(house, only=args.only)
    export = _exported(house)
    too_slow = [row for row in listed if row["ms"] > row["goal_ms"]]
    return {
        "profiles": args.profiles, "messages": args.messages, "hits": args.hits, "laid_s": round(laid, 1),
        "figures_s": round(figures, 1),
        "pages": listed, "excepted": excepted, "too_slow": [f"{row['name']} {row['what']}" for row in too_slow],
        "export": export, "load": round(os.getloadavg()[0], 1),
        "reached": not too_slow and export["rows_per_s"] >= ROWS_A_SECOND,
    }  # fmt: skip


def _figures(house: Any) -> float:
    """How many seconds a worker needs for what pages of a large delivery draw; afterwards it is there."""
    from campaign.lib import clock
    from reporting.figures import standing
    from reporting.reactions import standing_counts

    for kind in standing.KINDS.values():
        kind.rows.objects.all().delete()
    began = time.perf_counter()
    for name in standing.KINDS:
        standing_counts.count(delivery_id=house.delivery.pk, at=clock.now(), what=name)
    return time.perf_counter() - began


def look(house: Any, *, only: str = "", rounds: int = ROUNDS) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What each page takes, the slowest first, and by name why another is not measured."""
    from benchmarks import pages_urls

    clients = [(who, _client(user)) for who, user in (("reader", house.reader), ("operator", house.operator))]
    excepted = {name: why for name in pages_urls.names() if (why := pages_urls.exception(name))}
    listed: list[dict[str, Any]] = []
    logging.disable(logging.CRITICAL)  # what answers no GET would say so at each
    keys = pages_urls.Keys(
        delivery=house.delivery.pk, draft=house.draft.pk, ready=house.ready.pk, profile=house.profile.pk,
        audience=house.audience.pk,
    )  # fmt: skip
    for place in pages_urls.places(keys):
        if only and only not in f"{place.name} {place.address}":
            continue
        row = _asked(place, clients, rounds=rounds)
        if isinstance(row, str):
            excepted.setdefault(place.name, row)
        else:
            listed.append(row)
    logging.disable(logging.NOTSET)
    listed.sort(key=lambda row: -row["ms"])
    return listed, {
        name: why for name, why in excepted.items() if name not in {row["name"] for row in listed}
    }


def _client(user: Any) -> Any:
    from django.test import Client

    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def _asked(place: Any, clients: list[tuple[str, Any]], *, rounds: int) -> dict[str, Any] | str:
    """What one page takes of the first who may see it; the reason where nobody is shown a page."""
    from benchmarks import pages_urls

    status = 404
    for who, client in clients:
        if not place.address:
            break
        first = _answered(place, client)
        status = first["status"]
        if status in SHOWN:
            return _measured(place, who, first, client, rounds=rounds)
        if status == 405 or status >= 500:
            break
    if status >= 500:
        raise SystemExit(f"{place.address} answers {status}")
    return pages_urls.BY_STATUS.get(
        status, f"answers {status} to an address without what its page would send along"
    )


def _measured(place: Any, who: str, first: dict[str, Any], client: Any, *, rounds: int) -> dict[str, Any]:
    """What so many answers after the first take; what the first took where no other is asked for."""
    answers: list[dict[str, Any]] = []
    while len(answers) < rounds and not (answers and answers[0]["ms"] > 5_000):
        answers.append(_answered(place, client))
    last = answers[-1] if answers else first
    is_fragment = place.name in FRAGMENTS or place.what in FRAGMENT_TABS
    return {
        "name": place.name, "what": place.what, "face": place.face, "as": who,
        "ms": _median("ms", answers or [first]), "cpu_ms": _median("cpu_ms", answers or [first]),
        "db_cpu_ms": _median("db_cpu_ms", answers or [first]),
        "queries": last["queries"], "bytes": last["bytes"], "goal_ms": FRAGMENT_MS if is_fragment else GOAL_MS,
    }  # fmt: skip


def _median(name: str, answers: list[dict[str, Any]]) -> float:
    return round(statistics.median(answer[name] for answer in answers), 1)


def _answered(place: Any, client: Any) -> dict[str, Any]:
    """One answer: its status, what it took and asked of the database, how long it is."""
    from django.db import connection

    queries = 0

    def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(sql, params, many, context)

    meter = Meter()
    with connection.execute_wrapper(count):
        answer = client.get(place.address)
    spent = meter.spent()
    size = 0 if answer.streaming else len(answer.content)
    return {"status": answer.status_code, **spent, "queries": queries, "bytes": size}


class Meter:
    """The clock, and processor time of this thread and of its connection's process in PostgreSQL."""

    def __init__(self) -> None:
        from django.db import connection

        connection.ensure_connection()
        self.backend = connection.connection.info.backend_pid
        self.before = self._now()

    def spent(self) -> dict[str, float]:
        """Milliseconds since it was made."""
        took, of_python, of_database = (
            (now - then) * 1000 for now, then in zip(self._now(), self.before, strict=True)
        )
        return {"ms": took, "cpu_ms": of_python + of_database, "db_cpu_ms": of_database}

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.thread_time(), cost.scheduled(self.backend)


def _exported(house: Any) -> dict[str, Any]:
    """How fast a file of the sending log is made for somebody who sees a part of the people, and at what memory."""
    from reporting.exports import exports
    from reporting.logs import logs

    process, peak, octets = psutil.Process(), 0, 0
    before, rows, meter = process.memory_info().rss, [0], Meter()
    lines = exports.export(
        delivery=house.delivery, log=logs.LOGS["sending"], chosen={}, by=house.reader,
        progress=lambda number: rows.__setitem__(0, number),
    )  # fmt: skip
    for part in lines:
        octets += len(part)
        peak = max(peak, process.memory_info().rss)
    spent = meter.spent()
    return {
        "rows": rows[0], "seconds": round(spent["ms"] / 1000, 2), "cpu_s": round(spent["cpu_ms"] / 1000, 2),
        "db_cpu_s": round(spent["db_cpu_ms"] / 1000, 2), "rows_per_s": round(rows[0] * 1000 / spent["ms"]),
        "bytes": octets,
        "more_rss_mb": round(max(0, peak - before) / 2**20, 1), "goal_rows_per_s": ROWS_A_SECOND,
    }  # fmt: skip


def as_text(result: dict[str, Any]) -> str:
    """The table for people: pages by time, then what is excepted and why."""
    lines = [
        f"{result['profiles']:,} people, {result['messages']:,} messages, {result['hits']:,} hits;"
        f" what charts draw is counted in {result['figures_s']} s",
        "",
        *(_line(row) for row in result["pages"]),
        "",
        *(f"not measured: {name}: {why}" for name, why in sorted(result["excepted"].items())),
        "",
        f"export: {result['export']['rows']:,} rows in {result['export']['seconds']} s,"
        f" {result['export']['cpu_s']} s of processors, {result['export']['db_cpu_s']} s of them PostgreSQL;"
        f" {result['export']['rows_per_s']:,} a second, {result['export']['more_rss_mb']} MB more",
        f"slower than the goal: {', '.join(result['too_slow']) or 'none'}",
    ]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['ms']:8.1f} ms {row['cpu_ms']:7.1f} of processors {row['db_cpu_ms']:6.1f} of them PostgreSQL"
        f" {row['queries']:4} queries {row['bytes']:8,} B  {row['name']} {row['what']}"
        f"{' (operator)' if row['as'] == 'operator' else ''}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
