"""Deliveries whose figures several modules count, made once for each of them."""

from campaign.stack.module_db import once
from deliveries.models import Delivery
from reporting.tests.factories import delivery_with


@once
def three_sent() -> Delivery:
    return delivery_with(sent=3)


@once
def two_sent() -> Delivery:
    return delivery_with(sent=2)
