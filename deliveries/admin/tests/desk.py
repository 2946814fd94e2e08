"""Addresses and forms of a delivery at the operators' desk."""

from typing import Any

from accounts.models import OrganizationalUnit
from deliveries.models import Delivery
from deliveries.tests.factories import CONTENT

LIST = "/admin/deliveries/delivery/"


def change(delivery: Delivery) -> str:
    """The address of a delivery's form."""
    return f"{LIST}{delivery.pk}/change/"


def step(delivery: Delivery, name: str) -> str:
    """The address at which a step is asked and taken."""
    return f"{LIST}{delivery.pk}/step/{name}/"


def filled(unit: OrganizationalUnit, **values: Any) -> dict[str, Any]:
    """What the form of a new delivery would post."""
    return {
        "label": "July offers",
        "unit": unit.pk,
        "schedule_kind": "at_once",
        "time_zone": "UTC",
        "validity_hours": 84,
        "tracking": "on",
        **CONTENT,
        **values,
    }
