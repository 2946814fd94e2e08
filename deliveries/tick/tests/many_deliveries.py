"""Many deliveries at once, and how they stand."""

from deliveries.models import Delivery
from deliveries.tests.ledger_rows import execute

TABLES = ("delivery", "preparation", "confirmation", "chunk", "message")
BASE = 900_000  # far from all others, in the one range that tests have


def copies(model: Delivery, number: int, *, of_delivery: str = "", of_chunk: str = "") -> list[int]:
    """The delivery so many times more, past all triggers; with these columns set in all of them."""
    first = max(BASE, *Delivery.objects.values_list("pk", flat=True)) + 1
    execute("SET session_replication_role = replica")
    for table in TABLES:
        names = [row[0] for row in execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
            f"deliveries_{table}")]  # fmt: skip
        mine = "id" if table == "delivery" else "delivery_id"
        new = {mine: "g", "id": "g", "key": "g", "preparation_id": "g"}
        values = ", ".join(new.get(name, f'x."{name}"') for name in names)
        into = ", ".join(f'"{name}"' for name in names)
        execute(
            f"INSERT INTO deliveries_{table} ({into}) SELECT {values} FROM deliveries_{table} x,"
            f" generate_series(%s::bigint, %s) g WHERE x.{mine} = %s",
            first, first + number - 1, model.pk,
        )  # fmt: skip
    for table, columns in (("delivery", of_delivery), ("chunk", of_chunk)):
        mine = "id" if table == "delivery" else "delivery_id"
        if columns:
            execute(f"UPDATE deliveries_{table} SET {columns} WHERE {mine} >= %s", first)
    execute("SET session_replication_role = DEFAULT")
    return list(range(first, first + number))


def status(pk: int) -> str:
    """The delivery's status in the database."""
    return Delivery.objects.values_list("status", flat=True).get(pk=pk)
