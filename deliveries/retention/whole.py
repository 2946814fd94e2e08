"""A range of deliveries of which all rows are due goes at once, with its partitions; and one in which nothing lies.

Before it goes each of its deliveries keeps its figures, and whom it wrote to, in slices. Then a short transaction
looks once more whether all may go: a hold, or a remainder that needs rows, comes before it or after it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import F, QuerySet
from psycopg.errors import LockNotAvailable

from accounts import audit
from accounts.units import units
from campaign.lib import partitions
from deliveries.ledger import deleting, ranges
from deliveries.models import Delivery, Purge, RetentionKind, Status
from deliveries.retention.due import due


class Changed(Exception):
    """Something of the range may not go now, or somebody has it in hand."""


@dataclass(frozen=True)
class Whole:
    """A range that no new delivery can come to, and the deliveries that have rows in it: all of them are due."""

    first: int | None
    end: int
    tables: dict[str, str]  # its partition of each
    deliveries: frozenset[int]

    @property
    def name(self) -> str:
        return f"DM{self.first or 1}–DM{self.end - 1}"


def find(due_ids: Collection[int], *, with_empty: bool = False) -> list[Whole]:
    """The ranges that can go at once, when rows of these deliveries are due; those that are empty too if asked for."""
    due_ids, last = frozenset(due_ids), ranges.last_id()
    found = []
    for each in _in_all_tables():
        if each.end > last + 1 or not (with_empty or any(_holds(each, pk) for pk in due_ids)):
            continue
        holders = frozenset(ranges.holders(each.tables.values()))
        if holders <= due_ids and not _of(each).filter(status=Status.PREPARING).exists():
            found.append(Whole(each.first, each.end, each.tables, holders))
    return [each for each in found if each.deliveries or with_empty]


def _in_all_tables() -> list[Whole]:
    """The ranges that there are; each in as many tables as have it."""
    there: dict[tuple[int | None, int], dict[str, str]] = {}
    for table in ranges.TABLES:
        for each in ranges.ranges(table):
            there.setdefault(each.key, {})[table] = each.name
    return [Whole(*key, tables, frozenset()) for key, tables in there.items()]


def _holds(whole: Whole, delivery_id: int) -> bool:
    return (whole.first is None or whole.first <= delivery_id) and delivery_id < whole.end


def _of(whole: Whole) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(pk__lt=whole.end)
    return rows if whole.first is None else rows.filter(pk__gte=whole.first)


def drop(whole: Whole, *, at: datetime) -> int:
    """The range is gone; return how many rows went with it. Each of its deliveries has kept its addressees before.

    Raise Changed, and leave all as it was, where not all may go at `at`, or somebody has some of it in hand.
    """
    try:
        return partitions.patiently(lambda: _drop(whole, at=at))
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Changed(f"{whole.name}: somebody has it in hand") from error


@transaction.atomic
def _drop(whole: Whole, *, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(partitions.PATIENCE)
    units.lock_tree()  # a hold on a unit is placed, and a unit moved, before this or after it
    _lock(whole)
    numbers = deleting.rows_of_range(whole.tables)
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(whole.tables.values())} IN ACCESS EXCLUSIVE MODE")
    _require_due(whole, at=at)
    for table, name in whole.tables.items():
        partitions.drop(table, name)
    for delivery_id, number in numbers.items():
        Purge.objects.filter(delivery_id=delivery_id, kind=RetentionKind.RECIPIENTS).update(
            rows=F("rows") + number
        )
    gone = sum(numbers.values())
    audit.record("drop_range", by=None, deliveries=whole.name, rows=gone)
    return gone


def _lock(whole: Whole) -> None:
    """Nobody prepares, holds or changes a delivery of the range until the transaction ends."""
    rows = _of(whole).select_for_update(of=("self",), no_key=True)
    statuses = set(rows.order_by("pk").values_list("status", flat=True))
    if Status.PREPARING in statuses:
        raise Changed(f"{whole.name}: a delivery of it is being prepared")


def _require_due(whole: Whole, *, at: datetime) -> None:
    holders = ranges.holders(whole.tables.values())
    found = {each.delivery_id for each in due(RetentionKind.RECIPIENTS, at=at, only=holders)}
    if not found >= set(holders):
        raise Changed(f"{whole.name}: not all of it may go")
    kept = dict(
        Purge.objects.filter(delivery__in=holders, kind=RetentionKind.RECIPIENTS).values_list(
            "delivery_id", "kept_upto"
        )
    )
    ends = deleting.last_messages(holders)
    if any(pk not in kept or kept[pk] < ends.get(pk, 0) for pk in holders):
        raise Changed(f"{whole.name}: addressees of it are still to be kept")
