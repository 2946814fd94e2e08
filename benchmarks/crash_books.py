"""The receiver's record against the ledger, recipient by recipient."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

PREPARED, SENT, FAILED, RETRYING, IN_DOUBT, IGNORED, CANCELLED = range(7)  # as MessageStatus has them


def compare(database_url: str, inbox: Path, *, delivery_id: int) -> dict[str, Any]:
    """Counts of what is wrong, each with a few of its addresses in `examples`."""
    with psycopg.connect(database_url) as connection:
        ledger = dict(
            connection.execute(
                "SELECT address, status FROM deliveries_message WHERE delivery_id = %s", [delivery_id]
            ).fetchall()
        )
    with closing(sqlite3.connect(inbox)) as reader:
        received = Counter(row[0] for row in reader.execute("SELECT recipient FROM message"))
        ids = Counter(row[0] for row in reader.execute("SELECT message_id FROM message"))
        refused = {row[0] for row in reader.execute("SELECT DISTINCT recipient FROM refusal")}
    # A row may be called failed without being received only if the receiver did refuse it.
    unaccounted = {PREPARED, RETRYING, IGNORED, CANCELLED}
    wrong = {
        "lost": [
            address
            for address, status in ledger.items()
            if address not in received
            and (status in unaccounted or (status == FAILED and address not in refused))
        ],
        "duplicates": [address for address, times in received.items() if times > 1]
        + [message_id for message_id, times in ids.items() if times > 1 or not message_id],
        "phantom": [
            address for address, status in ledger.items() if status == SENT and address not in received
        ],
        "misstated": [
            address
            for address, status in ledger.items()
            if address in received and status not in {SENT, IN_DOUBT}
        ],
        "strangers": [address for address in received if address not in ledger],
    }
    return {
        **{name: len(addresses) for name, addresses in wrong.items()},
        "received": len(received),
        "refused_recipients": len(refused),
        "failed": sum(status == FAILED for status in ledger.values()),
        "in_doubt": sum(status == IN_DOUBT for status in ledger.values()),
        "in_doubt_received": sum(
            status == IN_DOUBT and address in received for address, status in ledger.items()
        ),
        "examples": {name: addresses[:5] for name, addresses in wrong.items() if addresses},
    }


def doubts_of_the_living(
    database_url: str, *, delivery_id: int, chunks: set[tuple[int, int]], tries: set[tuple[int, int]]
) -> int:
    """How many rows are in doubt that no killed lane had in its hands."""
    with psycopg.connect(database_url) as connection:
        doubts = connection.execute(
            "SELECT c.number, d.seq, d.token, d.later_try FROM deliveries_doubt d JOIN deliveries_chunk c"
            " ON c.delivery_id = d.delivery_id AND d.seq BETWEEN c.seq_from AND c.seq_to"
            " WHERE d.delivery_id = %s",
            [delivery_id],
        ).fetchall()
    return sum(
        (seq, token) not in tries if is_later else (number, token) not in chunks
        for number, seq, token, is_later in doubts
    )
