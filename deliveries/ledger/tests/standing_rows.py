"""How a delivery stands by its rows alone, and as it was when the send began."""

from collections import Counter

from django.db import connection, transaction

from deliveries.models import ASIDE, TALLIES, Delivery, MessageStatus
from deliveries.sending.control import receipts
from deliveries.tests.ledger_rows import execute

COUNTS_OF_CHUNKS_THAT_ARE_OFF = """
    SELECT c.number FROM deliveries_chunk c JOIN deliveries_message m
        ON m.delivery_id = c.delivery_id AND m.seq BETWEEN c.seq_from AND c.seq_to
    WHERE c.delivery_id = %s GROUP BY c.delivery_id, c.number
    HAVING (c.sent, c.failed, c.retrying, c.in_doubt, c.ignored, c.cancelled, c.bounced, c.erased, c.seq_to - c.seq_from + 1) <> (
        count(*) FILTER (WHERE m.status = 1), count(*) FILTER (WHERE m.status = 2),
        count(*) FILTER (WHERE m.status = 3), count(*) FILTER (WHERE m.status = 4),
        count(*) FILTER (WHERE m.status = 5), count(*) FILTER (WHERE m.status = 6),
        count(*) FILTER (WHERE m.status = 7), count(*) FILTER (WHERE m.status = 8), count(*))
        OR c.unsent <> count(*) FILTER (WHERE m.status = 2 AND m.tries = 0)
        OR (c.done AND count(*) FILTER (WHERE m.status = 0) > 0)
"""
ROWS = """
    SELECT m.seq, m.status, m.tries, m.seq <= c.handed_upto AS below_mark, t.handed,
        t.doubted_at IS NOT NULL OR a.seq IS NOT NULL AS sent_again
    FROM deliveries_message m
    JOIN deliveries_chunk c ON c.delivery_id = m.delivery_id AND m.seq BETWEEN c.seq_from AND c.seq_to
    LEFT JOIN deliveries_try t ON t.delivery_id = m.delivery_id AND t.seq = m.seq
    LEFT JOIN deliveries_sentagain a ON a.delivery_id = m.delivery_id AND a.seq = m.seq
    WHERE m.delivery_id = %s
"""


def standing_by_rows(delivery_id: int) -> receipts.HandedSoFar:
    """The same counts as a receipt's, row by row."""
    found = Counter(standing_of(*row[1:]) for row in execute(ROWS, delivery_id))
    names = ("left", "refused", "waiting_refused", "waiting_doubted", "waiting_untried", "fresh", "unsent")
    return receipts.HandedSoFar(total=found.total(), **{name: found[name] for name in names})


def standing_of(status: int, tries: int, below_mark: bool, handed: bool | None, sent_again: bool) -> str:
    """What a receipt says of a row in this state."""
    match MessageStatus(status):
        case MessageStatus.PREPARED:
            return "left" if below_mark else "fresh"
        case MessageStatus.FAILED if tries == 0 and not sent_again:
            return "unsent"
        case MessageStatus.RETRYING if not handed:
            return "waiting_doubted" if sent_again else "waiting_refused" if tries else "waiting_untried"
        case MessageStatus.CANCELLED | MessageStatus.IGNORED | MessageStatus.ERASED if not sent_again:
            return "refused" if tries else "never tried, never will be"
    return "left"


@transaction.atomic
def reset(delivery: Delivery) -> None:
    """As it was when the send began; the guards, which know no such step, look away."""
    for statement in (
        "SET LOCAL session_replication_role = replica",
        "UPDATE deliveries_delivery SET status = 'sending', ended_at = NULL, started_at = sinete_clock() WHERE id = %(d)s",
        # No step leads back, and nobody's setting turns off the trigger that knows that: the rows are written anew.
        "WITH gone AS (DELETE FROM deliveries_message WHERE delivery_id = %(d)s RETURNING *)"
        " INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values, salt, digest)"
        " SELECT delivery_id, seq, profile_id, address, address_key, values, salt, digest FROM gone",
        "UPDATE deliveries_chunk SET token = 0, lease_until = NULL, lease_by = '', handed_upto = seq_from - 1,"
        f" {', '.join(f'{name} = 0' for name in (*TALLIES, *ASIDE))} WHERE delivery_id = %(d)s",
        "DELETE FROM deliveries_try WHERE delivery_id = %(d)s",
        "DELETE FROM deliveries_doubt WHERE delivery_id = %(d)s",
        "DELETE FROM deliveries_sentagain WHERE delivery_id = %(d)s",
        "UPDATE deliveries_route SET closed_until = NULL, refusals_in_a_row = 0",
        "DELETE FROM audiences_quarantine",
    ):
        with connection.cursor() as cursor:
            cursor.execute(statement, {"d": delivery.pk})
