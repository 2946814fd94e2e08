"""The alerts of one delivery, beside what its page says of it."""

from typing import Any

from django import template

from alerts import words
from alerts.models import Alert
from deliveries.models import Delivery

register = template.Library()


@register.inclusion_tag("alerts/_of_delivery.html")
def alerts_of(delivery: Delivery) -> dict[str, Any]:
    """The open alerts of a delivery, which whoever sees it may see; one query."""
    return {"alerts": Alert.objects.open().filter(delivery=delivery).order_by("pk")}


@register.filter
def alert_sentence(alert: Alert) -> str:
    """What an alert says."""
    return words.sentence(alert)


@register.filter
def alert_rows(alert: Alert) -> str:
    """Where the rows are that an alert of a rate counts; empty for any other."""
    return words.rows_of(alert)
