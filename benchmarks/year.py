"""`make bench-year`: a year of recurring deliveries, played through in minutes.

Series in eight zones, at hours that their changes of the clock skip and repeat, daily, weekly and monthly by
position, some asking for a confirmation of each run. The database's clock is set forward from moment to
moment; the tick, the preparation, the gate and the lanes are the real ones on a real queue, and a mail server
notes what arrives and when. When runs must leave was found without any recurrence rule (`year_expected`).
It ends with 0 only if every run came, once, in its minute, and none that nobody confirmed.
"""

import argparse
import json
import logging
import os
import sqlite3
import sys
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.year_expected import YEAR, Case, cases, moments
from campaign.stack.temporary import Stack, safety, temporary_stack

RECIPIENTS = 2
UNCONFIRMED = 7  # of the runs that ask, each seventh is left alone
JUST_BEFORE, JUST_AFTER = timedelta(seconds=10), timedelta(seconds=0.05)
LOOK = timedelta(hours=6)  # between two ticks where nothing is expected: what comes unasked would come then
LATE = timedelta(seconds=60)


def main(argv: list[str]) -> int:
    args = _arguments(argv)
    with temporary_stack(["mail"], SINETE_CLOCK_OFFSET="1", LOG_LEVEL="WARNING", SINETE_LANES="1") as stack:
        os.environ.update(stack.env)
        import django

        django.setup()
        began = time.monotonic()
        year = Year(stack, days=args.days)
        year.play(show=sys.stderr.isatty())
        result = year.result() | {
            "days": args.days,
            "seconds": round(time.monotonic() - began, 1),
            **safety(stack.env["DATABASE_URL"]),
        }
    faults = ("missing", "twice", "early", "late", "wrong_local_minute", "unconfirmed_sent")
    held = result["occurrences"] == result["expected"] and not any(result[name] for name in faults)
    result["held"] = held
    print(json.dumps(result) if args.as_json else "\n".join(f"{k:>20}: {v}" for k, v in result.items()))
    return 0 if held else 1


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-year", description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="the first so many days of the year (365)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if not 1 <= args.days <= 365:
        parser.error("--days: from 1 to 365")
    return args


class Year:
    """The series, the clock that is moved through the year, and what arrived."""

    def __init__(self, stack: Stack, *, days: int) -> None:
        self.inbox = stack.folder / "inbox.sqlite3"
        expected = {case: moments(case, days=days) for case in cases(days)}
        self.cases = {case.name: case for case, found in expected.items() if found}
        self.expected = {case.name: found for case, found in expected.items() if found}
        self.end = datetime(YEAR, 1, 1, tzinfo=UTC) + timedelta(days=days, hours=15)
        self.offsets: list[tuple[float, float]] = []  # (real time, seconds ahead of it) at each move
        self.asked: Counter[str] = Counter()
        self.left_alone: set[tuple[str, datetime]] = set()
        self.lateness: list[float] = []

    # -- the clock ---------------------------------------------------------------------------------------

    def go_to(self, moment: datetime) -> None:
        """The database's clock shows the moment from here on."""
        from campaign.lib import clock

        real = time.time()
        ahead = moment.timestamp() - real
        clock.set_offset(timedelta(seconds=ahead))
        self.offsets.append((real, ahead))

    def when(self, real: float) -> datetime:
        """What the database's clock showed at a moment of real time."""
        place = bisect_right(self.offsets, (real, float("inf"))) - 1
        return datetime.fromtimestamp(real + self.offsets[place][1], UTC)

    # -- the play ----------------------------------------------------------------------------------------

    def play(self, *, show: bool) -> None:
        self.go_to(datetime(YEAR - 1, 12, 28, 12, tzinfo=UTC))
        self._activate_all()
        self.worker = _worker()
        steps = self._steps()
        for number, step in enumerate(steps):
            self.go_to(step)
            self._work()
            if show and not number % 20:
                print(
                    f"\r\033[K{step:%Y-%m-%d %H:%M} ({number:,} of {len(steps):,})", end="", file=sys.stderr
                )
        if show:
            print("\r\033[K", end="", file=sys.stderr)

    def _steps(self) -> list[datetime]:
        """Each moment three times (an hour ahead, just before, just after), and a look now and then between."""
        ahead = timedelta(minutes=59)
        every = {moment for found in self.expected.values() for moment in found}
        steps = {moment + shift for moment in every for shift in (-ahead, -JUST_BEFORE, JUST_AFTER)}
        look = datetime(YEAR, 1, 1, tzinfo=UTC) - timedelta(days=2)
        while look < self.end:
            steps.add(look)
            look += LOOK
        return sorted(steps)

    def _work(self) -> None:
        """One tick, everything that is queued, and whoever confirms."""
        from deliveries import queues

        queues.TICK.enqueue_now()
        self.worker.run_queued()
        if self._decide():
            self.worker.run_queued()

    def _decide(self) -> bool:
        """Each run that asks is confirmed, but for those that are left alone on purpose."""
        from benchmarks import audience
        from campaign.lib import clock
        from deliveries.confirmation import decisions as confirmation
        from deliveries.models import Delivery, Status

        decided = False
        for run in Delivery.objects.filter(status=Status.READY, execution_of__isnull=False):
            key = (
                (run.content.subject, run.contact_date)
                if run.content and run.contact_date
                else ("", self.end)
            )
            if key in self.left_alone:
                continue
            self.asked[key[0]] += 1
            if self.asked[key[0]] % UNCONFIRMED == 0:
                self.left_alone.add(key)
                continue
            confirmation.confirm(delivery=run, seal=run.seal, by=audience.person(), at=clock.now())
            decided = True
        return decided

    def _activate_all(self) -> None:
        from benchmarks import audience

        audience.people(RECIPIENTS)
        for case in self.cases.values():
            _activate(case)

    # -- the books ---------------------------------------------------------------------------------------

    def result(self) -> dict[str, Any]:
        """What arrived against what was expected, run by run."""
        arrived = self._arrived()
        runs = self._unsent_runs()
        found = {name: Counter[datetime]() for name in self.cases}
        counts = Counter[str]()
        for (name, _recipient), whens in arrived.items():
            for at in whens:
                moment = self._moment_of(name, at, counts)
                if moment is not None:
                    found[name][moment] += 1
        for name, seen in found.items():
            counts["twice"] += sum(number > RECIPIENTS for number in seen.values())
            counts["missing"] += sum(0 < number < RECIPIENTS for number in seen.values())
            counts["unconfirmed_sent"] += sum((name, moment) in self.left_alone for moment in seen)
        expected = {(name, moment) for name, whole in self.expected.items() for moment in whole}
        came = {(name, moment) for name, seen in found.items() for moment in seen} | runs
        counts["missing"] += len(expected - came)
        return {
            "expected": len(expected),
            "occurrences": len(came),
            **{name: counts[name] for name in
               ("missing", "twice", "early", "late", "wrong_local_minute", "unconfirmed_sent")},
            "unconfirmed": len(self.left_alone),
            "expired": len(runs),
            "messages": sum(len(whens) for whens in arrived.values()),
            "series": len(self.cases),
            "latest_s": round(max(self.lateness, default=0.0), 2),
        }  # fmt: skip

    def _moment_of(self, name: str, at: datetime, counts: Counter[str]) -> datetime | None:
        """The run that a message belongs to: the last expected moment before it; what is amiss is counted."""
        whole = self.expected[name]
        place = bisect_right(whole, at) - 1
        nearest = min(whole, key=lambda moment: abs(moment - at), default=None)
        if nearest is None or place < 0 or (nearest > at and nearest - at < LATE):
            counts["early"] += 1
            return nearest
        moment = whole[place]
        zone = ZoneInfo(self.cases[name].zone)
        shown, promised = (when.astimezone(zone).strftime("%H:%M") for when in (at, moment))
        if at - moment > LATE:
            counts["late"] += 1
        if shown != promised:
            counts["wrong_local_minute"] += 1
        self.lateness.append((at - moment).total_seconds())
        return moment

    def _arrived(self) -> dict[tuple[str, str], list[datetime]]:
        found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        with closing(sqlite3.connect(self.inbox)) as reader:
            rows = reader.execute(
                "SELECT subject, recipient, received_at FROM message ORDER BY id"
            ).fetchall()
        for subject, recipient, received_at in rows:
            subject = subject.strip()
            if subject in self.cases:  # the others are notices to colleagues
                found[subject, recipient].append(self.when(received_at))
        return found

    def _unsent_runs(self) -> set[tuple[str, datetime]]:
        """Runs that stand as expired: nobody confirmed them."""
        from deliveries.models import Occurrence

        rows = Occurrence.objects.filter(skipped="unconfirmed").values_list(
            "series__delivery__content__subject", "moment"
        )
        return set(rows)


def _worker() -> Any:
    """RQ's own worker on the real queues, in this process and kept from step to step."""
    from django.conf import settings
    from django_rq.queues import get_queues
    from rq import Queue

    from campaign.stack.inprocess import InProcessWorker

    class KeptWorker(InProcessWorker):
        def run_queued(self) -> None:
            while True:
                found = Queue.dequeue_any(self.queues, None, connection=self.connection)
                if found is None:
                    break
                self.execute_job(*found)
            if self.failures:
                raise self.failures[0]

    queues = get_queues(*settings.RQ_QUEUES)
    logging.getLogger("rq.worker").setLevel(logging.ERROR)
    worker = KeptWorker(queues, connection=queues[0].connection)
    worker.register_birth()
    return worker


def _activate(case: Case) -> None:
    """A series through the verbs: written, prepared, approved, activated."""
    from datetime import date

    from accounts.roles import root
    from audiences.models import Audience
    from benchmarks import audience
    from campaign.lib import clock
    from deliveries import drafting
    from deliveries.approval import decisions as approval
    from deliveries.confirmation import decisions as confirmation
    from deliveries.models import Delivery, ScheduleKind
    from deliveries.preparation import verbs as preparation

    by, unit = audience.person(), root()
    everybody, _made = Audience.objects.get_or_create(
        label="Everybody", unit=unit, defaults={"rule": {"all": []}}
    )
    recurrence = {
        "rule": case.rule, "starts_on": date(YEAR, 1, 1), "at": case.at, "request_confirmation": case.asks,
        "expires_minutes": 600, "overlap": "queue",
    }  # fmt: skip
    series = drafting.create(
        by=by, unit=unit, label=case.name, audience=everybody, time_zone=case.zone, recurrence=recurrence,
        schedule_kind=ScheduleKind.RECURRING, validity_hours=1,
    )  # fmt: skip
    drafting.write(
        delivery=series, by=by, at=clock.now(), subject=case.name, from_address="news@serra-alta.example.com",
        html='<p>Hello</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
        text="Hello {{ unsubscribe_url }}",
    )  # fmt: skip
    preparation.run(preparation_id=preparation.start(delivery=series, by=by, at=clock.now()).pk)
    series = Delivery.objects.get(pk=series.pk)
    approval.approve(delivery=series, seal=series.seal, by=by, at=clock.now())
    series = Delivery.objects.get(pk=series.pk)
    confirmation.confirm(delivery=series, seal=series.seal, by=by, at=clock.now())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
