"""What became of a delivery's messages, as its chunks count them: pages read chunks, never messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet, Sum

from deliveries.lifecycle import groups
from deliveries.models import ASIDE, OUTCOMES, TALLIES, Chunk, Delivery


def tallies(delivery: Delivery) -> dict[str, int]:
    """The messages by outcome; `prepared` are those that nothing has happened to yet.

    `unsent` are those of the failed about which no server was ever asked; `opens_untracked` and `clicks_untracked`
    those of the sent that left without a picture that tells of an open, or without tracked links.
    """
    return _tallied(delivery.chunks.aggregate(**_SUMS))


def tallies_of(deliveries: Sequence[Delivery]) -> dict[int, dict[str, int]]:
    """The same by delivery, in one query for all of them."""
    rows = (
        Chunk.objects.filter(delivery__in=[one.pk for one in deliveries])
        .values("delivery_id")
        .annotate(**_SUMS)
    )
    found: dict[int, Any] = {row["delivery_id"]: row for row in rows}
    return {one.pk: _tallied(found.get(one.pk, {})) for one in deliveries}


def tallies_by(deliveries: QuerySet[Delivery], key: str) -> dict[Any, dict[str, int]]:
    """The same of many deliveries, taken together by a field of theirs (`pk`, `unit_id`), in one query."""
    of_each = Chunk.objects.filter(delivery__in=deliveries.order_by().values("pk")).order_by()
    rows: Any = of_each.values(by=F(f"delivery__{key}")).annotate(**_SUMS)
    return {row["by"]: _tallied(row) for row in rows}


_SUMS = {
    "rows": Sum(F("seq_to") - F("seq_from") + 1),
    **{f"sum_{name}": Sum(name) for name in (*TALLIES, *ASIDE)},
}


def _tallied(sums: Mapping[str, int | None]) -> dict[str, int]:
    counts = {name: sums.get(f"sum_{name}") or 0 for name in TALLIES}
    rows = sums.get("rows") or 0
    return {
        "to_deliver": rows,
        **counts,
        **{name: sums.get(f"sum_{name}") or 0 for name in ASIDE},
        "prepared": rows - sum(counts.values()),
    }


@dataclass(frozen=True)
class Progress:
    """How many messages have an outcome, wait for a later try, have an outcome that nobody knows, wait still.

    `cancelled` of those with an outcome never leave: it was stopped before their turn.
    """

    done: int = 0
    retrying: int = 0
    unknown: int = 0
    fresh: int = 0
    cancelled: int = 0


def progress_of(deliveries: Sequence[Delivery]) -> dict[int, Progress]:
    """Return the progress by delivery, in one query; those that have not begun are not in it."""
    began = [delivery.pk for delivery in deliveries if delivery.status in groups.BEGUN]
    if not began:
        return {}
    outcomes = sum((F(name) for name in OUTCOMES[1:]), F(OUTCOMES[0]))
    rows = (
        Chunk.objects.filter(delivery_id__in=began)
        .values("delivery_id")
        .annotate(
            all=Sum(F("seq_to") - F("seq_from") + 1),
            outcomes=Sum(outcomes),
            later=Sum("retrying"),
            doubts=Sum("in_doubt"),
            never=Sum("cancelled"),
        )
    )
    return {
        row["delivery_id"]: Progress(
            done=row["outcomes"],
            retrying=row["later"],
            unknown=row["doubts"],
            fresh=row["all"] - row["outcomes"] - row["later"],
            cancelled=row["never"],
        )
        for row in rows
    }
