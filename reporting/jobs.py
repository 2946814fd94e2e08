"""What workers and the clock run: ids in, one call. Each may run twice."""

import logging

from accounts import audit
from campaign.lib import clock
from feedback import outage
from feedback.hits import bringing_in
from feedback.public import link_cache
from reporting.counting import reclassifying, statistics
from reporting.persons import erasing, exporting
from reporting.reactions import standing_counts
from reporting.retention import applying
from reporting.scheduled import mailing

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


def carry_on_erasures(**_: object) -> None:
    """What waited of erasures goes, and what came back late."""
    with audit.entered("job"):
        erasing.carry_on_all()


def compute(*, run_id: int, **_: object) -> None:
    with audit.entered("job"):
        statistics.run(run_id=run_id)


def count_figures(*, delivery_id: int, what: str = "figures", **_: object) -> None:
    with audit.entered("job"):
        standing_counts.count(delivery_id=delivery_id, at=clock.now(), what=what)


def reclassify_hits(*, run_id: int, **_: object) -> None:
    with audit.entered("job"):
        reclassifying.work(run_id=run_id)


def send_reports(**_: object) -> None:
    with audit.entered("job"):
        mailing.send_due(clock.now())


def export_person(*, export_id: int, **_: object) -> None:
    with audit.entered("job"):
        exporting.run(export_id=export_id)


def forget_person_exports(**_: object) -> None:
    """Hourly: exports of personal data whose day is over are gone."""
    with audit.entered("job"):
        exporting.expire()


def apply_retention(**_: object) -> None:
    """Daily: what was kept for as long as units say is gone; what a run leaves the next one takes."""
    with audit.entered("job"):
        applying.apply(at=clock.now())
