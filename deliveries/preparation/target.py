"""Who is targeted: an audience's profiles, or, for a remainder, those whom a stopped delivery never wrote to."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from audiences.models import Subscription
from audiences.rules import targeting
from campaign.lib import clock
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Message, MessageStatus

# So long after its day somebody is still welcomed: twice a day's run, so that one that was missed is made up for.
WELCOMED_LATE = timedelta(days=2)

Slice = tuple[QuerySet[Any, Any], float]


def slices(delivery: Delivery, *, size: int) -> Iterator[Slice]:
    """Return queries of profiles' ids, slice by slice, each with the part of all that is done after it (0 to 1)."""
    return _of_remainder(delivery, size) if delivery.remainder_of_id else _of_audience(delivery, size)


def _of_audience(delivery: Delivery, size: int) -> Iterator[Slice]:
    assert delivery.audience is not None
    people = targeting.profiles(delivery.audience, unit=delivery.unit)
    if delivery.days_after is not None:
        people = people.filter(pk__in=newcomers(delivery).order_by().values("profile_id"))
    bounds = people.order_by("pk").values_list("pk", flat=True)
    first, last = bounds.first(), bounds.last()
    if first is None or last is None:
        return
    for low in range(first - 1, last, size):
        chosen = people.order_by().filter(pk__gt=low, pk__lte=low + size).values("pk")
        yield chosen, (min(low + size, last) - first + 1) / (last - first + 1)


def may_be_empty(delivery: Delivery) -> bool:
    """Whether it is prepared although there is nobody yet: a series that welcomes whoever will come."""
    return delivery.is_recurring and delivery.days_after is not None


def newcomers(delivery: Delivery) -> QuerySet[Subscription]:
    """The subscriptions that are as old as the delivery says, and whose people did not get it from a run before.

    Whoever is older by more than `WELCOMED_LATE`, as after a standstill, is let alone.
    """
    assert delivery.days_after is not None
    assert delivery.service_id is not None
    moment = (delivery.contact_date or clock.now()) - timedelta(days=delivery.days_after)
    rows = Subscription.objects.filter(
        service_id=delivery.service_id, ended_at=None, is_welcomed=True,
        subscribed_at__lte=moment, subscribed_at__gt=moment - WELCOMED_LATE,
    )  # fmt: skip
    if delivery.execution_of_id is None:
        return rows
    still_prepared = Q(status=MessageStatus.PREPARED, delivery__status__in=groups.FINAL)
    earlier = (
        Message.objects.filter(
            profile_id=OuterRef("profile_id"), delivery__execution_of=delivery.execution_of_id,
            delivery__contact_date__gt=OuterRef("subscribed_at"),
        )
        .exclude(delivery=delivery.pk)
        .exclude(still_prepared | Q(status__in=(MessageStatus.IGNORED, MessageStatus.CANCELLED)))
    )  # fmt: skip
    return rows.exclude(Exists(earlier))


def _of_remainder(delivery: Delivery, size: int) -> Iterator[Slice]:
    """The profiles of the original's cancelled messages that are still in the delivery's unit or below."""
    messages = Message.objects.filter(delivery=delivery.remainder_of_id)
    last = messages.aggregate(last=Max("seq"))["last"] or 0
    for low in range(0, last, size):
        never = messages.filter(status=MessageStatus.CANCELLED, seq__gt=low, seq__lte=low + size)
        chosen = targeting.in_unit(delivery.unit).filter(pk__in=never.values("profile_id")).values("pk")
        yield chosen, min(low + size, last) / last


def never_written_to(delivery: Delivery) -> int:
    """How many messages of a delivery were cancelled, as its chunks count them."""
    return sum(delivery.chunks.values_list("cancelled", flat=True))


def originals(delivery: Delivery) -> list[int]:
    """Return the delivery that this one is the remainder of, then the one which that is the remainder of, and so on."""
    if delivery.remainder_of_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE line AS (
                SELECT id, remainder_of_id FROM deliveries_delivery WHERE id = %s
                UNION SELECT d.id, d.remainder_of_id
                FROM deliveries_delivery d JOIN line ON d.id = line.remainder_of_id
            )
            SELECT id FROM line ORDER BY id
            """,
            [delivery.remainder_of_id],
        )
        return [pk for (pk,) in cursor.fetchall()]
