"""What the independent counts find."""

from deliveries.models import Delivery
from deliveries.operations import reconciliation


def found(delivery: Delivery) -> dict[str, tuple[list[int], list[int]]]:
    """For each check that fails the rows and the chunks that are off; empty where all agree."""
    return {one.check: (one.rows, one.chunks) for one in reconciliation.reconcile(delivery.pk).off}
