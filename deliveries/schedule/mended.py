"""Whether what a preparation found was mended since: nobody is told of an error that is gone."""

from datetime import datetime

from deliveries.content.findings import Finding
from deliveries.models import Delivery, Preparation, ScheduleKind
from deliveries.models.content import PARTS

OF_CONTENT = frozenset({*PARTS, "content", "links"})


def is_mended(finding: Finding, delivery: Delivery, preparation: Preparation, *, at: datetime) -> bool:
    """Whether that part of an unprepared delivery was changed since, in a way that could have mended it."""
    if finding.where in OF_CONTENT:
        return preparation.content_id != delivery.content_id
    match finding.code:
        case "no_schedule":
            return delivery.schedule_kind != ScheduleKind.UNSET
        case "date_passed":
            return delivery.contact_date is None or delivery.contact_date > at
        case "no_audience":
            return delivery.audience_id is not None
        case "empty_target":
            return _was_aimed_anew(delivery, preparation)
    return False


def _was_aimed_anew(delivery: Delivery, preparation: Preparation) -> bool:
    """Whether the delivery, or the definition of its audience, was changed after the preparation ended."""
    ended, audience = preparation.ended_at, delivery.audience
    changed = [delivery.changed_at, *([audience.changed_at] if audience else [])]
    return ended is not None and any(moment > ended for moment in changed)
