"""The figures of a large delivery are counted from its rows, for the pages that draw them."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from deliveries.models import Delivery
from reporting.counting import failures, throughput
from reporting.figures import standing
from reporting.models import StandingFailures
from reporting.reactions import reactions


def count(*, delivery_id: int, at: datetime, what: str = standing.REACTIONS.name) -> None:
    """What pages draw of this delivery is what its rows come to; nothing is counted while that is so already."""
    kind = standing.KINDS[what]
    delivery = Delivery.objects.select_related("preparation").filter(pk=delivery_id).first()
    if delivery is None or standing.current(delivery, of=kind) is not None:
        return
    if kind is standing.FAILURES:  # so that there is a row that notes what changes while rows are read
        StandingFailures.objects.get_or_create(delivery_id=delivery_id)
    # Read before the rows are: what comes meanwhile makes another mark, so it is counted with the next.
    mark, began = kind.mark(delivery), time.perf_counter()
    counted = _COUNTED[what](delivery)
    took = int(1000 * (time.perf_counter() - began))
    kind.rows.objects.update_or_create(
        delivery_id=delivery_id, defaults={"at": at, "mark": mark, "took_ms": took, **counted}
    )


def _reactions(delivery: Delivery) -> dict[str, Any]:
    return {
        "by_link": reactions.counted_by_link(delivery),
        "by_time": reactions.counted_by_time(delivery),
        "by_minute": throughput.counted(delivery),
    }


def _failures(delivery: Delivery) -> dict[str, Any]:
    by_reason, by_provider = failures.counted(delivery)
    return {"by_reason": by_reason, "by_provider": by_provider}


_COUNTED: dict[str, Callable[[Delivery], dict[str, Any]]] = {
    standing.REACTIONS.name: _reactions,
    standing.FAILURES.name: _failures,
}
