"""What the ledger holds of a delivery, and how a test changes it behind the verbs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from deliveries.ledger import ranges
from deliveries.models import Delivery, Message, MessageStatus


def statuses(delivery: Delivery) -> list[str]:
    """The status of each row by its name, in the rows' order."""
    rows = Message.objects.filter(delivery=delivery).order_by("seq")
    return [MessageStatus(status).name for status in rows.values_list("status", flat=True)]


def recipients(delivery: Delivery) -> list[int]:
    """The profile that each message is for, in their order."""
    rows = Message.objects.filter(delivery=delivery).order_by("seq")
    return list(rows.values_list("profile_id", flat=True))


def execute(statement: str, *params: Any) -> list[Any]:
    """One statement behind the verbs, and the rows that it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def no_trigger(name: str, table: str = "message") -> Iterator[None]:
    """What the trigger keeps or refuses is let pass, as on a broken disk; no session's setting can do that."""
    execute(f"ALTER TABLE deliveries_{table} DISABLE TRIGGER {name}")
    yield
    always = "ALWAYS" if name == "keep_tallies" else ""
    execute(f"ALTER TABLE deliveries_{table} ENABLE {always} TRIGGER {name}")


def expire_leases(delivery: Delivery) -> None:
    """Every lease that a lane holds in the delivery has just run out."""
    for table in ("chunk", "try"):
        execute(
            f"UPDATE deliveries_{table} SET lease_until = sinete_clock() - interval '1 second'"
            " WHERE delivery_id = %s AND lease_until IS NOT NULL",
            delivery.pk,
        )


def abandon_a_window(delivery: Delivery, handed: int) -> None:
    """As a worker leaves it that died after a hand-over: mark and lease stand, results don't."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_chunk SET token = 1, handed_upto = %s, lease_by = 'gone',"
            " lease_until = sinete_clock() - interval '1 second' WHERE delivery_id = %s",
            [handed, delivery.pk],
        )


def first_range_ends(end: int) -> None:
    """Deliveries from this id on are no longer in the first range of messages and exclusions."""
    for table in ranges.TABLES:
        execute(f"ALTER TABLE {table} DETACH PARTITION {table}_first")
        execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_first FOR VALUES FROM (MINVALUE) TO ({end})")


@contextmanager
def first_range_ended(end: int) -> Iterator[None]:
    """As `first_range_ends`, until all that was made behind it goes again; for tests that commit."""
    before = ranges.ranges()[0].end
    first_range_ends(end)
    yield
    for table in ranges.TABLES:
        for each in ranges.ranges(table):
            if each.first is not None:
                execute(f"DROP TABLE {each.name}")
    first_range_ends(before)
