"""Rows whose next try is due."""

from deliveries.models import Delivery
from deliveries.tests.ledger_rows import execute


def leave_to_later_tries(delivery: Delivery, upto: int) -> None:
    """The first rows were handed over and refused for a while; their next try is due."""
    execute(
        "UPDATE deliveries_message SET status = 3, tries = 1 WHERE delivery_id = %s AND seq <= %s",
        delivery.pk, upto,
    )  # fmt: skip
    execute("UPDATE deliveries_chunk SET handed_upto = %s WHERE delivery_id = %s", upto, delivery.pk)
    execute(
        "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token)"
        " SELECT %s, n, sinete_clock() - interval '1 second', 1, 1 FROM generate_series(1, %s) n",
        delivery.pk, upto,
    )  # fmt: skip
