"""Figures of a large delivery that are dear to count from its rows: as they were last counted, and whether they hold.

A page draws them as they stand and has them counted anew where something has changed since. What must be of this
moment (a file, a command) is counted then, unless nothing has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis.exceptions import RedisError

from campaign.lib.jobs import valkey
from deliveries.ledger.tallies import tallies
from deliveries.models import Delivery
from reporting import queues
from reporting.models import DeliveryStatistics, KeptFigures, StandingFigures

LARGE = 100_000  # messages or hits: fewer are counted while the page is made
AT_MOST_EACH = timedelta(minutes=1)  # while hits come in all the time

Figures = StandingFigures | KeptFigures


@dataclass(frozen=True)
class Look:
    """What a page draws: without figures it counts for itself, unless it has to wait for them."""

    figures: Figures | None = None
    is_large: bool = False
    must_wait: bool = False
    is_current: bool = True


def look(delivery: Delivery, *, at: datetime) -> Look:
    """Return what there is to draw now; where that no longer holds, or is not there, a worker is asked to count."""
    if (known := current(delivery)) is not None:
        return Look(known, is_large=_is_large(delivery))
    if not _is_large(delivery):
        return Look()
    standing = StandingFigures.objects.filter(delivery_id=delivery.pk).first()
    if standing is None or standing.at <= at - AT_MOST_EACH:
        _ask(delivery.pk)
    return Look(standing, is_large=True, must_wait=standing is None, is_current=False)


def _ask(delivery_id: int) -> None:
    """A worker counts, once a minute at most, however many pages look. Where Valkey is away nobody could be asked."""
    with suppress(RedisError):
        if valkey().set(f"sinete:figures:{delivery_id}", 1, nx=True, ex=int(AT_MOST_EACH.total_seconds())):
            queues.COUNT_FIGURES.enqueue(job_id=f"figures-{delivery_id}", delivery_id=delivery_id)


def current(delivery: Delivery) -> Figures | None:
    """Return the figures that were counted, if they still hold; None where they have to be counted."""
    kept = KeptFigures.objects.filter(delivery_id=delivery.pk).first()
    if kept is not None:
        return kept
    standing = StandingFigures.objects.filter(delivery_id=delivery.pk).first()
    return standing if standing is not None and standing.mark == mark(delivery) else None


def mark(delivery: Delivery) -> str:
    """Return what differs as soon as a hit or an outcome has come, changed or gone: a digest of all that is tallied."""
    found: Mapping[str, Any] = (
        DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values().first() or {}
    )
    stored = {name: value for name, value in found.items() if name != "folded_at"}
    told = json.dumps([stored, tallies(delivery)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _is_large(delivery: Delivery) -> bool:
    if delivery.preparation is not None and delivery.preparation.to_deliver > LARGE:
        return True
    rows = DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values_list("by_class", flat=True)
    classes = rows.first() or {}
    return sum(hits for of_kind in classes.values() for hits, _messages in of_kind.values()) > LARGE
