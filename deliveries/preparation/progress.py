"""How far a preparation is, whether this run still holds it, and its log."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from campaign.lib import clock, leases
from deliveries.lifecycle.log import write_all
from deliveries.models import LogLine, Preparation, PreparationStatus, Status


class Abandoned(Exception):
    """Somebody stopped this preparation, another run of it took over, or another one took its place."""


def waiting(at: datetime) -> list[int]:
    """Return the preparations that nobody is carrying out: their job was lost, or their worker ended."""
    lost = Q(lease_until__lt=at) | Q(lease_until=None, started_at__lt=at - timedelta(seconds=5))
    running = Preparation.objects.filter(
        lost, status=PreparationStatus.RUNNING, delivery__status=Status.PREPARING
    )
    return list(running.order_by("pk").values_list("pk", flat=True))


def mine(preparation: Preparation) -> QuerySet[Preparation]:
    """Return a query for the preparation's row, which finds it only while it runs under this run's token."""
    return Preparation.objects.filter(
        pk=preparation.pk, status=PreparationStatus.RUNNING, token=preparation.token
    )


def require_running(preparation: Preparation) -> None:
    """Raise Abandoned where the preparation was stopped or another run has taken it over."""
    if not mine(preparation).exists():
        raise Abandoned


def progress(preparation: Preparation, percent: int, **counts: int) -> None:
    """Note how far the preparation is, with these counts, and keep its lease for as long again.

    Raise Abandoned where it was stopped or another run has taken it over.
    """
    if not mine(preparation).update(percent=percent, lease_until=leases.ahead(), **counts):
        raise Abandoned


def end(preparation: Preparation, status: PreparationStatus, **values: Any) -> None:
    """End the preparation with this status and these values.

    Raise Abandoned where it was stopped or another run has taken it over.
    """
    if not mine(preparation).update(status=status, lease_until=None, **values):
        raise Abandoned


def log(preparation: Preparation, text: str, *, level: str = LogLine.Level.INFO, **slots: Any) -> None:
    """A line stands in the delivery's log, as one of this preparation."""
    line = LogLine(
        delivery_id=preparation.delivery_id,
        preparation=preparation,
        at=clock.Reading(),
        level=level,
        text=text,
        slots=slots,
    )
    write_all([line])
