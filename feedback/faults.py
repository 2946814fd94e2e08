"""What is wrong with the opens and clicks of this host: for `manage.py doctor`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from deliveries.overview.diagnosis import Diagnosis, fault, waits
from feedback import segments

PATIENCE = timedelta(minutes=1)


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
