"""The figures of a delivery are kept before the first of its rows goes: they stay what they were."""

from datetime import datetime

from deliveries.models import Delivery
from reporting.counting import failures, statistics, throughput
from reporting.models import KeptFigures
from reporting.reactions import reactions


def freeze(delivery: Delivery, at: datetime) -> None:
    """All that pages count from rows is counted once more and stored. In the transaction in which the rows go."""
    statistics.reconcile(delivery.pk, at)
    by_reason, by_provider = failures.counted(delivery)
    KeptFigures.objects.update_or_create(
        delivery=delivery,
        defaults={
            "at": at,
            "by_reason": by_reason,
            "by_provider": by_provider,
            "by_link": reactions.counted_by_link(delivery),
            "by_time": reactions.counted_by_time(delivery),
            "by_minute": throughput.counted(delivery),
        },
    )
