"""Counts of a delivery: live from its chunks and what PostgreSQL adds as hits come; recounted hourly and on demand.

A recount finds by how much the statistics were off when it read the hits, and adds just that: what came since stays.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Func, JSONField, Q, QuerySet, Sum, Value
from django.db.models.functions import Greatest
from django.utils.functional import Promise

from accounts import audit
from accounts.access import NotAllowed
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock, leases
from deliveries.ledger import recounting
from deliveries.ledger.tallies import tallies, tallies_by, tallies_of
from deliveries.models import TALLIES, Delivery
from deliveries.sending import gate
from feedback.agents import AgentKind
from feedback.hits import partitions
from feedback.models import Hit, HitKind, Reply, Report
from reporting import queues
from reporting.counting.behaviour import BEHAVIOUR, Measured, measured
from reporting.figures import kpis
from reporting.figures.kpis import Counts
from reporting.logs import logs
from reporting.models import DeliveryStatistics, Fold, KeptFigures, StatisticsRun

logger = logging.getLogger(__name__)

# A hit commits a little after the moment it bears; the hourly count looks back so far beyond its last.
OVERLAP = timedelta(minutes=5)
FOLDS_KEPT = timedelta(days=90)
LOST_AFTER = timedelta(seconds=60)  # a recount that is queued for longer is queued again when asked for


# What is known now


def counts(delivery: Delivery) -> Counts:
    """As the pages show them: messages from the chunks' tallies, people as counted when their hits came in."""
    stored = DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values().first()
    return _counts(tallies(delivery), (stored or {}) | by_mail(delivery.pk))


def counts_of(deliveries: Sequence[Delivery]) -> dict[int, Counts]:
    """The same by delivery, in two queries for all of them; without complaints and replies."""
    stored = DeliveryStatistics.objects.filter(delivery__in=[one.pk for one in deliveries]).values()
    people = {row["delivery_id"]: row for row in stored}
    return {pk: _counts(found, people.get(pk, {})) for pk, found in tallies_of(deliveries).items()}


def counts_by(deliveries: QuerySet[Delivery], key: str) -> dict[Any, Counts]:
    """The same of many deliveries, taken together by a field of theirs (`pk`, `unit_id`, `folder_id`), in two queries.

    Nothing is counted anew: messages are summed over the chunks' tallies, people over what was stored of each delivery.
    Whoever opened two deliveries counts in both.
    """
    stored = DeliveryStatistics.objects.filter(delivery__in=deliveries.order_by().values("pk")).order_by()
    sums = {f"sum_{name}": Sum(name) for name in BEHAVIOUR}
    people: dict[Any, Any] = {
        row["by"]: row for row in stored.values(by=F(f"delivery__{key}")).annotate(**sums)
    }
    return {
        by: _counts(found, {name: people.get(by, {}).get(f"sum_{name}") for name in BEHAVIOUR})
        for by, found in tallies_by(deliveries, key).items()
    }


def by_mail(delivery_id: int) -> dict[str, int]:
    """About how many messages somebody complained, and to how many somebody replied at their return path."""
    kinds: dict[str, QuerySet[Any]] = {"complaints": logs.complaints(), "replies": Reply.objects.all()}
    return {
        name: rows.filter(delivery_id=delivery_id).aggregate(n=Count("seq", distinct=True))["n"]
        for name, rows in kinds.items()
    }


def _counts(messages: dict[str, int], people: Mapping[str, Any]) -> Counts:
    refused = messages["failed"] - messages["unsent"] + messages["bounced"]
    at_a_server = {"delivered": messages["sent"], "failed": refused}
    return Counts.of({**messages, **at_a_server}, people)


def last_and_next(delivery: Delivery, at: datetime) -> tuple[datetime | None, datetime]:
    """When this delivery's opens and clicks were last compared with the logs, and when they will be next: on the hour.

    An hourly count that found nothing new of it says as much of it as one that did.
    """
    counted = (
        DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values_list("folded_at", flat=True).first()
    )
    hourly = Fold.objects.values_list("at", flat=True).first()
    since = delivery.started_at
    known = [counted, hourly if since is not None and hourly is not None and hourly >= since else None]
    last = max((moment for moment in known if moment is not None), default=None)
    this_hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return last, this_hour + timedelta(hours=1)


def unsubscribers(ids: Collection[int]) -> dict[int, int]:
    """How many people unsubscribed by each of these deliveries; of those of which that is known."""
    rows = DeliveryStatistics.objects.filter(delivery_id__in=ids)
    return dict(rows.values_list("delivery_id", "unsubscribers"))


@dataclass(frozen=True)
class ClassRow:
    """One kind of hit, by who asked: of each class its code, its name, hits and messages."""

    kind: str
    label: str | Promise
    cells: list[tuple[str, str | Promise, int, int]]


def by_class(delivery_id: int) -> list[ClassRow]:
    """People's hits, unsure ones and machines' beside each other; nothing before the first hit."""
    found = (
        DeliveryStatistics.objects.filter(delivery_id=delivery_id).values_list("by_class", flat=True).first()
    )
    return in_classes(found or {})


def in_classes(counted: Mapping[str, Any]) -> list[ClassRow]:
    """What was counted as rows: a kind of hit, with its hits and messages by who made them."""
    return [
        ClassRow(
            kind.value,
            kind.label,
            [(each.value, each.label, *counted[kind.value].get(each.value, (0, 0))) for each in AgentKind],
        )
        for kind in HitKind
        if kind.value in counted
    ]


# Every hour


def count_hourly(at: datetime | None = None) -> int:
    """Every delivery that had hits since the last time is counted from the logs and put right; return how many."""
    at = at or clock.now()
    last = Fold.objects.values_list("at", flat=True).first()
    fresh = Hit.objects.filter(stored_at__lte=at)
    if last is not None:
        fresh = fresh.filter(stored_at__gt=last - OVERLAP)
    settled = Report.objects.filter(settled_at__lte=at, delivery__isnull=False)
    if last is not None:
        settled = settled.filter(settled_at__gt=last - OVERLAP)
    # Of who bounced since nothing counts any more.
    of_both = fresh.values_list("delivery_id", flat=True).union(settled.values_list("delivery_id", flat=True))
    touched = [pk for pk in sorted(of_both) if Delivery.objects.filter(pk=pk).exists()]
    repaired = sum(bool(reconcile(pk, at)) for pk in touched)
    Fold.objects.create(at=at, deliveries=len(touched), repaired=repaired)
    Fold.objects.filter(at__lt=at - FOLDS_KEPT).delete()
    return len(touched)


def reconcile(delivery_id: int, at: datetime) -> dict[str, int]:
    """The delivery's statistics are what the logs come to; return by how much each figure was off, where one was.

    Without a lock while it counts: that takes its time, and neither a send nor a hit must wait for it.
    """
    if not _is_countable(delivery_id):
        return {}
    found = measured(delivery_id)
    off = {name: number for name in BEHAVIOUR if (number := found.off_by[name])}
    if not correct(delivery_id, found, at):
        return {}
    if off:
        logger.info("delivery %s: opens and clicks were off, and are put right: %s", delivery_id, off)
    return off


def correct(delivery_id: int, found: Measured, at: datetime) -> bool:
    """What was off is added to what the statistics are now; False where another recount did so since it was found."""
    more = found.off_by
    zeros = dict.fromkeys(BEHAVIOUR, 0)
    DeliveryStatistics.objects.bulk_create(
        [DeliveryStatistics(delivery_id=delivery_id, **zeros)], ignore_conflicts=True
    )
    classes = Func(
        F("by_class"),
        Value(more["by_class"], JSONField()),
        function="reporting_classes_added",
        output_field=JSONField(),
    )
    rows = DeliveryStatistics.objects.filter(delivery_id=delivery_id, **_counted_at(found.checked_at))
    figures = {name: Greatest(0, F(name) + more[name]) for name in BEHAVIOUR}
    return bool(rows.update(by_class=classes, folded_at=at, **figures))


def _counted_at(checked_at: datetime | None) -> dict[str, Any]:
    return {"folded_at__isnull": True} if checked_at is None else {"folded_at": checked_at}


def hold(delivery_id: int) -> None:
    """Nobody counts hits of this delivery until the transaction ends: for whoever changes many of them."""
    DeliveryStatistics.objects.select_for_update(no_key=True).filter(delivery_id=delivery_id).first()


def is_final(delivery_id: int) -> bool:
    """Whether rows have gone by a retention period: what was counted before is what is known, and stays."""
    return KeptFigures.objects.filter(delivery_id=delivery_id).exists()


def _is_countable(delivery_id: int) -> bool:
    return _has_all_hits(delivery_id) and not is_final(delivery_id)


def _has_all_hits(delivery_id: int) -> bool:
    """Whether no partition was dropped in which hits of it may have lain: else what was counted stays."""
    since = partitions.kept_since()
    return since is None or Delivery.objects.filter(pk=delivery_id, started_at__gte=since).exists()


# On demand


@transaction.atomic
def ask(*, delivery: Delivery, by: User, at: datetime) -> StatisticsRun:
    """Queue a recount, unless one waits already; raise NotAllowed for whoever may not see the delivery."""
    if not Delivery.objects.visible_to(by).filter(pk=delivery.pk).exists():
        raise NotAllowed(by=by, right=Right.VIEW, target=delivery)
    Delivery.objects.locked(delivery.pk)
    run = StatisticsRun.objects.filter(delivery=delivery, status=StatisticsRun.Status.QUEUED).first()
    if run is None or run.at < at - LOST_AFTER:
        if run is None:
            run = StatisticsRun.objects.create(delivery=delivery, by=by, at=at)
            audit.record("compute_stats", by=by, target=delivery, run=run.pk)
        queues.COMPUTE.enqueue(job_id=f"compute-{run.pk}", run_id=run.pk)
    return run


def run(*, run_id: int) -> None:
    """As `compute`, by one worker at a time. A recount of which too many workers died has failed."""
    row = StatisticsRun.objects.filter(pk=run_id, status=StatisticsRun.Status.QUEUED)
    token = leases.take_once_free(row)
    if token is None:
        return
    with leases.renewed(row, token=token), leases.heard_of(row, token=token):
        if leases.is_deadly(row.values_list("unended", flat=True).first() or 0):
            logger.error("recount %s has ended %s workers: it fails", run_id, leases.MOST_DEATHS)
            row.filter(token=token).update(status=StatisticsRun.Status.FAILED, ended_at=clock.now())
            return
        compute(run_id=run_id)


def wake(at: datetime | None = None) -> int:
    """Ask again for the recounts that nobody is at: their job was lost, or their worker died. Their number."""
    asked = Q(at__lt=(at or clock.now()) - LOST_AFTER)
    waiting = StatisticsRun.objects.filter(leases.is_free(), asked, status=StatisticsRun.Status.QUEUED)
    ids = list(waiting.values_list("pk", flat=True))
    for run_id in ids:
        queues.COMPUTE.enqueue(job_id=f"compute-{run_id}", run_id=run_id)
    return len(ids)


def compute(*, run_id: int) -> StatisticsRun:
    """Everything is recounted from sending and tracking logs, repaired, and the difference noted; once.

    The logs are counted without a lock, however long that takes; a chunk is locked for as long as it takes to
    count its own rows, and only if it was found to be off.
    """
    run = StatisticsRun.objects.select_related("delivery").get(pk=run_id)
    if not run.is_open:
        return run
    delivery_id = run.delivery_id
    people = measured(delivery_id) if _is_countable(delivery_id) else None
    run = _settle(run_id, people, recounting.recount(delivery_id))
    gate.look_again(delivery_id)
    return run


@transaction.atomic
def _settle(run_id: int, people: Measured | None, repairs: list[dict[str, int]]) -> StatisticsRun:
    """What was counted is what is known; of two that counted at once the first notes the difference.

    Without `people` what they did stays as it was counted.
    """
    run = StatisticsRun.objects.select_for_update(of=("self",)).select_related("delivery").get(pk=run_id)
    if not run.is_open:
        return run
    at = clock.now()
    if people is None or not correct(run.delivery_id, people, at):
        row = DeliveryStatistics.objects.filter(delivery_id=run.delivery_id).values().first()
        stored: dict[str, Any] = {**row} if row is not None else {}
        people = Measured(counted=stored, stood=stored)
    messages = tallies(run.delivery)
    old = kpis.figures(_counts(_without(messages, repairs), people.stood))
    new = kpis.figures(_counts(messages, people.counted))
    run.chunks_repaired = len(repairs)
    run.old, run.new, run.difference = old, new, kpis.difference(old, new)
    run.status, run.ended_at = StatisticsRun.Status.DONE, at
    run.save()
    if repairs:
        audit.record("repair_stats", by=run.by, target=run.delivery, run=run.pk, difference=run.difference)
    return run


def _without(messages: dict[str, int], repairs: list[dict[str, int]]) -> dict[str, int]:
    """The tallies as they would be, had nothing been repaired: what was sent meanwhile is no difference."""
    before = {name: messages[name] - sum(repair[name] for repair in repairs) for name in recounting.TALLIED}
    return {**messages, **before, "prepared": messages["to_deliver"] - sum(before[name] for name in TALLIES)}


def last_run(delivery: Delivery) -> StatisticsRun | None:
    """The last time that this delivery's figures were computed anew; None for never."""
    return StatisticsRun.objects.filter(delivery=delivery).select_related("by").first()


def in_words(run: StatisticsRun) -> list[dict[str, Any]]:
    """Each figure with its name: before, now, difference."""
    return [
        {
            "label": label,
            "old": run.old.get(name, 0),
            "new": run.new.get(name, 0),
            "delta": run.difference.get(name, 0),
        }
        for name, label in kpis.LABELS.items()
    ]
