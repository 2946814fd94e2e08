"""What workers and the clock run: ids in, one call. Each may run twice."""

import logging

from accounts import audit
from feedback import hits, link_cache, outage
from reporting import statistics

logger = logging.getLogger(__name__)


def fold(**_: object) -> None:
    """Hourly: what waited in this host's spool is brought in, then opens and clicks are counted."""
    with audit.entered("job"):
        try:
            hits.drain_spool()
        except outage.Away:
            logger.warning("the spool waits: the database is away")
        link_cache.sweep()
        statistics.count_hourly()


def compute(*, run_id: int, **_: object) -> None:
    with audit.entered("job"):
        statistics.run(run_id=run_id)
