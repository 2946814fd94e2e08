"""Holding what leaves, by a limit and not by a person: it rests until somebody resumes it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as n_

from deliveries import lifecycle
from deliveries.ledger import barrier
from deliveries.lifecycle import Step, log
from deliveries.models import Delivery, LogLine, Status

HELD = n_("Held by a limit")


@transaction.atomic
def hold(*, delivery: Delivery, at: datetime, because: str, **slots: Any) -> bool:
    """Pause a send because of a limit; return False, with nothing changed, where it is not being sent.

    `because` is marked for translation and not yet translated, `slots` are what its places are filled with: plain
    values. No further window is handed over, and what was handed over is finished. It goes on by `resume`.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    if delivery.status != Status.SENDING:
        return False
    lifecycle.move(delivery, Step.HOLD, by=None, at=at, comment=HELD, because=because, slots=slots)
    log.write(delivery, at, because, level=LogLine.Level.WARNING, **slots)
    transaction.on_commit(lambda: barrier.settle(delivery.pk))
    return True
