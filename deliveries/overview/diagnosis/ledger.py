"""Whether rows of recipients have where to lie, and lie in few places enough."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from deliveries.ledger import ranges
from deliveries.overview.diagnosis.causes import Diagnosis, fault, waits

MANY = 300  # each statement of a send locks all of them, and PostgreSQL has room for some thousand locks


def of_ranges() -> Iterator[Diagnosis]:
    """The job that makes ranges ahead must have failed for long where the next delivery has none."""
    if not ranges.are_ahead():
        yield fault(
            "no_range_ahead",
            _(
                "The next deliveries have no partition for their messages yet; each preparation looks for a moment to "
                "make its own. See whether “cron” runs; “manage.py ledger_ranges --make” makes them now."
            ),
        )
    number = len(ranges.ranges())
    if number > MANY:
        yield waits(
            "many_ranges",
            ngettext(
                "Messages lie in %(number)s partition, and each statement of a send locks all of them: set "
                "SINETE_PARTITION_DELIVERIES higher, so that those to come hold more deliveries.",
                "Messages lie in %(number)s partitions, and each statement of a send locks all of them: set "
                "SINETE_PARTITION_DELIVERIES higher, so that those to come hold more deliveries.",
                number,
            ),
            number=number,
        )
