"""What workers and the clock run: ids in, one call. Each may run twice."""

import logging

from accounts import audit
from campaign.lib import clock
from feedback import bringing_in, link_cache, outage
from reporting import reclassifying, statistics
from reporting.retention import applying

logger = logging.getLogger(__name__)


def fold(**_: object) -> None:
    """Hourly: what waits on this host is brought in, then opens and clicks are counted."""
    with audit.entered("job"):
        try:
            bringing_in.bring_in()
        except outage.Away:
            logger.warning("hits wait: the database is away")
        link_cache.sweep()
        statistics.count_hourly()


def compute(*, run_id: int, **_: object) -> None:
    with audit.entered("job"):
        statistics.run(run_id=run_id)


def reclassify_hits(*, run_id: int, **_: object) -> None:
    with audit.entered("job"):
        reclassifying.work(run_id=run_id)


def apply_retention(**_: object) -> None:
    """Daily: what was kept for as long as units say is gone; what a run leaves the next one takes."""
    with audit.entered("job"):
        applying.apply(at=clock.now())
