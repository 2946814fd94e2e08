"""What is wrong with opens and clicks, on this host and where they lie: for `manage.py doctor`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from deliveries.overview.diagnosis import Diagnosis, fault, waits
from feedback.hits import partitions, segments

PATIENCE = timedelta(minutes=1)
ROOM = timedelta(days=14)  # with less ahead of it the daily job must have failed for months


def of_hits(at: datetime) -> Iterator[Diagnosis]:
    """What waits on this host, how much and since when: the loss of its disk would cost as much."""
    found = segments.waiting()
    if found.oldest is None:
        return
    age = datetime.now(UTC) - datetime.fromtimestamp(found.oldest, UTC)
    slots = {"number": found.number, "seconds": round(age.total_seconds())}
    if age < PATIENCE:
        yield waits(
            "hits_wait",
            _(
                "%(number)s opens, clicks or opt-outs wait on this host to be brought in, the first for %(seconds)s s."
            ),
            **slots,
        )
        return
    yield fault(
        "hits_not_brought_in",
        _(
            "%(number)s opens, clicks or opt-outs of this host have not been brought in, the first for %(seconds)s "
            "seconds: they would go with its disk. See whether the process “hits” runs beside “web”; “manage.py "
            "drain_spool” brings them in now."
        ),
        **slots,
    )


def of_partitions(at: datetime) -> Iterator[Diagnosis]:
    """Whether the tracking log has room by month, and what lies where it shouldn't."""
    until = partitions.made_until()
    if until - datetime.now(UTC) < ROOM:
        yield fault(
            "no_partitions_ahead",
            _(
                "The tracking log has partitions until %(until)s only; what comes later can't go by month. See whether "
                "“cron” runs; “manage.py hit_partitions --make” makes them now."
            ),
            until=f"{until:%Y-%m-%d}",
        )
    if number := partitions.strays():
        yield fault(
            "hits_without_partition",
            ngettext(
                "%(number)s hit lies in the default partition of the tracking log, which should be empty. “manage.py "
                "hit_partitions --make” moves what has a month; the clock of a web host was wrong for the rest.",
                "%(number)s hits lie in the default partition of the tracking log, which should be empty. “manage.py "
                "hit_partitions --make” moves what has a month; the clock of a web host was wrong for the rest.",
                number,
            ),
            number=number,
        )
