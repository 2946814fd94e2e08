"""What workers and the clock run: one call. Each may run twice, or be lost."""

from accounts import audit
from feedback.intake import reading, reclassifying, replies, settling, sources


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
