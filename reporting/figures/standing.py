"""Figures of a large delivery that are dear to count from its rows: as they were last counted, and whether they hold.

A page draws them as they stand and has them counted anew where something has changed since. What must be of this
moment (a file, a command) is counted then, unless nothing has changed. What readers did and why messages failed are
counted apart: the one changes with each click, the other hardly ever.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, Sum
from redis.exceptions import RedisError

from audiences import mail_exchanges
from campaign.lib.jobs import valkey
from deliveries.ledger.tallies import tallies
from deliveries.models import Delivery
from reporting import queues
from reporting.models import DeliveryStatistics, KeptFigures, StandingFailures, StandingFigures

LARGE = 100_000  # messages or hits that would be looked at: fewer are counted while the page is made
AT_MOST_EACH = timedelta(minutes=1)  # while hits come in all the time
RESTS = 20  # times as long as the last count took: what is dear is counted more rarely


Figures = StandingFigures | KeptFigures


@dataclass(frozen=True)
class Look:
    """What a page draws: without figures it counts for itself, unless it has to wait for them."""

    figures: Any = None  # a row of the kind's, or a KeptFigures
    is_large: bool = False
    must_wait: bool = False
    is_current: bool = True


@dataclass(frozen=True)
class Kind:
    """Figures that are counted together: where they stand, what they are of, and of what delivery they are dear."""

    name: str
    rows: Any  # the model of their rows
    mark: Callable[[Delivery], str]
    is_large: Callable[[Delivery], bool]


def look(delivery: Delivery, *, at: datetime, of: Kind | None = None) -> Look:
    """Return what there is to draw now; where that no longer holds, or is not there, a worker is asked to count."""
    kind = of or REACTIONS
    if (known := current(delivery, of=kind)) is not None:
        return Look(known, is_large=kind.is_large(delivery))
    if not kind.is_large(delivery):
        return Look()
    standing = _standing(delivery, kind)
    if standing is None or standing.at <= at - max(
        AT_MOST_EACH, RESTS * timedelta(milliseconds=standing.took_ms)
    ):
        _ask(delivery.pk, kind)
    return Look(standing, is_large=True, must_wait=standing is None, is_current=False)


def _standing(delivery: Delivery, kind: Kind) -> Any:
    return kind.rows.objects.filter(delivery_id=delivery.pk, at__isnull=False).first()


def _ask(delivery_id: int, kind: Kind) -> None:
    """A worker counts, once a minute at most, however many pages look. Where Valkey is away nobody could be asked."""
    with suppress(RedisError):
        key = f"sinete:{kind.name}:{delivery_id}"
        if valkey().set(key, 1, nx=True, ex=int(AT_MOST_EACH.total_seconds())):
            queues.COUNT_FIGURES.enqueue(
                job_id=f"{kind.name}-{delivery_id}", delivery_id=delivery_id, what=kind.name
            )


def current(delivery: Delivery, *, of: Kind | None = None) -> Any:
    """Return the figures that were counted, if they still hold; None where they have to be counted."""
    kind = of or REACTIONS
    kept = KeptFigures.objects.filter(delivery_id=delivery.pk).first()
    if kept is not None:
        return kept
    standing = _standing(delivery, kind)
    return standing if standing is not None and standing.mark == kind.mark(delivery) else None


def mark(delivery: Delivery) -> str:
    """Return what differs as soon as a hit or an outcome has come, changed or gone: a digest of all that is tallied."""
    found: Mapping[str, Any] = (
        DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values().first() or {}
    )
    stored = {name: value for name, value in found.items() if name != "folded_at"}
    return _digest([stored, tallies(delivery)])


def failures_mark(delivery: Delivery) -> str:
    """Return what differs as soon as a message failed, for another reason, or its domain came to another provider."""
    changes = StandingFailures.objects.filter(delivery_id=delivery.pk).values_list("changes", flat=True)
    sums = delivery.chunks.aggregate(*map(Sum, ("failed", "unsent", "bounced")))
    return _digest([sums, changes.first() or 0, mail_exchanges.revision()])


def _digest(of: Any) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def _has_many(delivery: Delivery) -> bool:
    if delivery.preparation is not None and delivery.preparation.to_deliver > LARGE:
        return True
    rows = DeliveryStatistics.objects.filter(delivery_id=delivery.pk).values_list("by_class", flat=True)
    classes = rows.first() or {}
    return sum(hits for of_kind in classes.values() for hits, _messages in of_kind.values()) > LARGE


def _fails_everywhere(delivery: Delivery) -> bool:
    """Whether many messages lie where some have failed: only there anybody looks."""
    some = delivery.chunks.filter(Q(bounced__gt=0) | Q(failed__gt=F("unsent")))
    return (some.aggregate(rows=Sum(F("seq_to") - F("seq_from") + 1))["rows"] or 0) > LARGE


REACTIONS = Kind("figures", StandingFigures, mark, _has_many)
FAILURES = Kind("failures", StandingFailures, failures_mark, _fails_everywhere)
KINDS = {kind.name: kind for kind in (REACTIONS, FAILURES)}
