"""What goes together, where its rows are, and how the next of them are deleted."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

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


KINDS = (
    Kind(RetentionKind.RECIPIENTS, due.ROWS_OF_RECIPIENTS, due.recipients_of, deleting.delete_recipients),
    Kind(RetentionKind.REACTIONS, forgetting.HAS_HITS, forgetting.hits_of, forgetting.delete_hits),
    Kind(RetentionKind.MAIL, forgetting.HAS_MAIL, forgetting.mail_of, forgetting.empty_mail),
    Kind(RetentionKind.PROOFS, emptying.HAS_COPIES, emptying.copies_of, emptying.empty_copies),
)
