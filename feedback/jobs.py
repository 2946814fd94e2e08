"""What workers and the clock run: one call. Each may run twice, or be lost."""

import logging

from django.db import OperationalError

from accounts import audit
from campaign.lib import clock
from deliveries.ledger import ranges
from feedback.hits import partitions
from feedback.intake import reaching, reading, reclassifying, refusals, replies, settling, sources
from feedback.subscribing import letters

logger = logging.getLogger(__name__)


def fetch_mail(**_: object) -> None:
    """Mail that waits at the sources is stored."""
    with audit.entered("job"):
        sources.fetch_all()


def read_mail(**_: object) -> None:
    """Mail that waits is read, what it reports takes effect, and what people wrote is forwarded."""
    with audit.entered("job"):
        reading.read_waiting()
        settling.settle_open()
        replies.forward_due()
        reclassifying.work_off()


def mail_sign_ups(**_: object) -> None:
    """Mails that ask to confirm a sign-up leave."""
    with audit.entered("job"):
        letters.mail(clock.now())


def count_refusals(**_: object) -> None:
    """What servers refused while a delivery was being sent is counted against the addresses."""
    with audit.entered("job"):
        refusals.count_all()


def forgive_reached(**_: object) -> None:
    """Each night: addresses with soft errors that a message has reached since are valid again."""
    with audit.entered("job"):
        reaching.forgive_all()


def keep_partitions(**_: object) -> None:
    """Each day: the tracking log has partitions for the months to come, the ledger for the next deliveries."""
    with audit.entered("job"):
        try:
            ranges.keep()
        except OperationalError as error:
            logger.warning(
                "messages or exclusions are busy; their next partitions are made tomorrow: %s", error
            )
        try:
            partitions.keep()
        except partitions.Busy:
            logger.warning("the tracking log is busy; its next partitions are made tomorrow")
