"""A preparation that has begun, and what its tables hold."""

from django.db import connection

from campaign.lib import clock
from deliveries.models import Delivery, Preparation
from deliveries.preparation import verbs as preparation
from deliveries.tests.factories import person


def fetch(statement: str, *values: object) -> list:
    """The rows that a statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()


def started(delivery: Delivery) -> Preparation:
    """A preparation that somebody asked for and no worker has begun."""
    return preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
