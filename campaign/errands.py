"""What lies about and waits for a worker is found by one cheap look; a process of its own is asked for only then."""

import logging
from collections.abc import Callable

from accounts import audit
from accounts import queues as accounts_queues
from accounts.people import letters
from alerts import figures
from alerts import letters as alert_letters
from alerts import queues as alerts_queues
from alerts.webhooks import calling
from audiences import imports, search_texts
from audiences import queues as audiences_queues
from audiences.consent import sign_ups
from campaign.lib import clock
from campaign.lib.jobs import JobRef
from feedback import queues as feedback_queues
from feedback.intake import sources, waiting
from reporting import queues as reporting_queues
from reporting.counting import reclassifying, statistics
from reporting.persons import exporting
from reporting.scheduled import mailing

logger = logging.getLogger(__name__)


def look(**_: object) -> None:
    """Each of these jobs that has something to do is queued; raise the last error, once all were asked.

    Twice does no harm, nor does once less: what was not found now is found the next time.
    """
    with audit.entered("job"):
        errors = list(
            filter(
                None,
                map(
                    _error_of, (*_ERRANDS, imports.wake, statistics.wake, reclassifying.wake, exporting.wake)
                ),
            )
        )
    if errors:
        raise errors[-1]


def _error_of(errand: Callable[[], object]) -> Exception | None:
    """One errand that fails keeps none of the others from being seen to."""
    try:
        errand()
    except Exception as error:
        logger.exception("an errand failed")
        return error
    return None


def _wake(job: JobRef, job_id: str, *, where: Callable[[], bool]) -> Callable[[], None]:
    def errand() -> None:
        if where():
            job.enqueue_now(job_id=job_id)

    return errand


_ERRANDS = (
    _wake(accounts_queues.LETTERS, "letters", where=lambda: letters.due(clock.now()).exists()),
    _wake(alerts_queues.LOOK, "alerts", where=figures.is_anything),
    _wake(alerts_queues.MAIL, "alert-mail", where=lambda: alert_letters.due(clock.now()).exists()),
    _wake(alerts_queues.CALL, "webhooks", where=lambda: calling.due(clock.now()).exists()),
    _wake(audiences_queues.SEARCH_TEXTS, search_texts.JOB, where=search_texts.is_anything_waiting),
    _wake(feedback_queues.SIGN_UPS, "sign-ups", where=lambda: sign_ups.due(clock.now()).exists()),
    _wake(feedback_queues.READ_MAIL, "read-mail", where=waiting.is_anything_open),
    _wake(feedback_queues.FETCH_MAIL, "fetch-mail", where=lambda: sources.due(clock.now()).exists()),
    _wake(reporting_queues.SEND_REPORTS, "send-reports", where=lambda: mailing.is_anything_due(clock.now())),
)
