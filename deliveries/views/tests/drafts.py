"""Addresses of a delivery's pages."""

from django.urls import reverse

from deliveries.models import Delivery


def url(name: str, delivery: Delivery) -> str:
    """The address of a page of the delivery."""
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def fresh(delivery: Delivery) -> Delivery:
    """The delivery as the database has it now."""
    return Delivery.objects.get(pk=delivery.pk)
