"""The figures of a large delivery are counted from its rows, for the pages that draw them."""

from datetime import datetime

from deliveries.models import Delivery
from reporting.counting import throughput
from reporting.figures import standing
from reporting.models import StandingFigures
from reporting.reactions import reactions


def count(*, delivery_id: int, at: datetime) -> None:
    """What pages draw of this delivery is what its rows come to; nothing is counted while that is so already."""
    delivery = Delivery.objects.select_related("preparation").filter(pk=delivery_id).first()
    if delivery is None or standing.current(delivery) is not None:
        return
    # Read before the rows are: what comes meanwhile makes another mark, so it is counted with the next.
    mark = standing.mark(delivery)
    StandingFigures.objects.update_or_create(
        delivery_id=delivery_id,
        defaults={
            "at": at,
            "mark": mark,
            "by_link": reactions.counted_by_link(delivery),
            "by_time": reactions.counted_by_time(delivery),
            "by_minute": throughput.counted(delivery),
        },
    )
