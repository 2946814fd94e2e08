"""Deliveries in waves, and the clock at their gates."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries.models import Delivery, Message, Moment
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.relay import Relay


def in_waves(**more: Any) -> Delivery:
    """Twelve people in three waves an hour apart, held above 10 percent; from the confirmation on."""
    unit = more.pop("unit", None) or UnitFactory(approval_policy=ApprovalPolicy.NONE)
    settings = {"wave_by": "number", "wave_value": 3, "wave_minutes": 60, "wave_limit": 10, "recipients": 12}
    return DeliveryFactory(**{"unit": unit, "schedule_kind": "waves", **settings, **more})


def at_time(moment: datetime) -> AbstractContextManager[None]:
    """The clock of this process shows the moment while the context lasts."""
    return clock.shifted(moment - clock.now())


def refuse_first_of_wave(relay: Relay, delivery: Delivery, number: int) -> None:
    """The relay refuses the first two recipients of the wave for good."""
    wave = Moment.objects.get(delivery=delivery, number=number)
    rows = Message.objects.filter(delivery=delivery, seq__gte=wave.seq_from, seq__lte=wave.seq_to)
    for row in rows[:2]:
        relay.refuse(row.address, "550 5.1.1 No such user")


def gates(delivery: Delivery) -> list[datetime]:
    """When each wave may leave, in their order."""
    return list(
        Moment.objects.filter(delivery=delivery).order_by("number").values_list("not_before", flat=True)
    )
