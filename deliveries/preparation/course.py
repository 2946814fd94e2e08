"""The course of a preparation: how far it is, whether it is still wanted, what its log says."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from campaign.lib import clock
from deliveries.models import LogLine, Preparation, PreparationStatus, Status

LEASE = timedelta(seconds=60)


class Abandoned(Exception):
    """Somebody stopped this preparation, or another one took its place."""


def waiting(at: datetime) -> list[int]:
    """Preparations that nobody is carrying out: their job was lost, or its worker died."""
    lost = Q(lease_until__lt=at) | Q(lease_until=None, started_at__lt=at - timedelta(seconds=5))
    running = Preparation.objects.filter(
        lost, status=PreparationStatus.RUNNING, delivery__status=Status.PREPARING
    )
    return list(running.order_by("pk").values_list("pk", flat=True))


def still_running(preparation_id: int) -> bool:
    return Preparation.objects.filter(pk=preparation_id, status=PreparationStatus.RUNNING).exists()


def still_mine(preparation: Preparation) -> None:
    if not still_running(preparation.pk):
        raise Abandoned


def progress(preparation: Preparation, percent: int, **counts: int) -> None:
    changed = Preparation.objects.filter(pk=preparation.pk, status=PreparationStatus.RUNNING).update(
        percent=percent, lease_until=clock.now() + LEASE, **counts
    )
    if not changed:
        raise Abandoned


def log(preparation: Preparation, text: str, *, level: str = LogLine.Level.INFO, **slots: Any) -> None:
    LogLine.objects.create(
        delivery_id=preparation.delivery_id,
        preparation=preparation,
        at=clock.now(),
        level=level,
        text=text,
        slots=slots,
    )
