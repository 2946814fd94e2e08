"""What goes together, where its rows are, and how the next of them are deleted."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from audiences.consent import unconfirmed
from audiences.imports import expiry
from deliveries.ledger import deleting
from deliveries.models import RetentionKind
from deliveries.proofs import emptying
from deliveries.retention import due
from feedback import forgetting


@dataclass(frozen=True)
class Kind:
    """Rows of deliveries that go together."""

    kind: RetentionKind
    has_rows: str  # a condition in SQL on the delivery `d`
    count: Callable[[Collection[int]], dict[int, int]]  # by delivery
    delete: Callable[[int], int]  # the next rows of one; their number


@dataclass(frozen=True)
class OfUnits:
    """Rows that go together and hang on units: each function is given before which moment those of each unit go."""

    kind: RetentionKind
    count: Callable[[Mapping[int, datetime]], dict[int, int]]  # by unit
    delete: Callable[[Mapping[int, datetime]], int]  # the next rows; their number


def _recipients_of(ids: Collection[int]) -> dict[int, int]:
    return dict(Counter(due.recipients_of(ids)) + Counter(forgetting.reports_of(ids)))


def _delete_recipients(delivery_id: int) -> int:
    return deleting.delete_recipients(delivery_id) or forgetting.empty_reports(delivery_id)


KINDS = (
    Kind(
        RetentionKind.RECIPIENTS,
        f"({due.ROWS_OF_RECIPIENTS} OR {forgetting.HAS_REPORTS})",
        _recipients_of,
        _delete_recipients,
    ),
    Kind(RetentionKind.REACTIONS, forgetting.HAS_HITS, forgetting.hits_of, forgetting.delete_hits),
    Kind(RetentionKind.MAIL, forgetting.HAS_MAIL, forgetting.mail_of, forgetting.empty_mail),
    Kind(RetentionKind.PROOFS, emptying.HAS_COPIES, emptying.copies_of, emptying.empty_copies),
)
# Beside those of deliveries: what hangs on a unit, and copies of proofs of deliveries that are not over.
OF_UNITS = (
    OfUnits(RetentionKind.PROOFS, emptying.old_of_unended, emptying.empty_of_unended),
    OfUnits(RetentionKind.IMPORTS, expiry.old_lines, expiry.delete_lines),
    OfUnits(RetentionKind.SIGN_UPS, unconfirmed.old, unconfirmed.delete),
)
