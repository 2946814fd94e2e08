"""A send by one tick and one lane, in this process."""

from deliveries import jobs
from deliveries.models import Delivery


def send(delivery: Delivery) -> None:
    """What is due leaves: one tick, then one lane until it has nothing left to do."""
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()
