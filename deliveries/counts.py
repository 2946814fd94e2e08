"""What became of a delivery's messages, as its chunks count them: pages read chunks, never messages."""

from django.db.models import F, Sum

from deliveries.models import Delivery

TALLIES = ("sent", "failed", "retrying", "in_doubt", "ignored", "cancelled")


def tallies(delivery: Delivery) -> dict[str, int]:
    """The messages by outcome; `prepared` are those that nothing has happened to yet.

    `unsent` are those of the failed about which no server was ever asked.
    """
    sums = delivery.chunks.aggregate(
        rows=Sum(F("seq_to") - F("seq_from") + 1), **{name: Sum(name) for name in (*TALLIES, "unsent")}
    )
    counts = {name: sums[name] or 0 for name in TALLIES}
    rows = sums["rows"] or 0
    return {
        "to_deliver": rows,
        **counts,
        "unsent": sums["unsent"] or 0,
        "prepared": rows - sum(counts.values()),
    }
