"""Whether mail that came in waits for anything."""

from feedback.intake import reading, reclassifying, replies, settling


def is_anything_open() -> bool:
    """Whether a worker would find mail to read, a report to settle, a reply to forward, a re-classification to do."""
    return (
        reading.waiting().exists()
        or settling.is_anything_open()
        or replies.due().exists()
        or reclassifying.asked_for().exists()
    )
