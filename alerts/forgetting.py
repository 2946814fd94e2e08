"""Alerts that are over are kept for so long, and what webhooks were told for a shorter time."""

from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import Alert, Pulse, WebhookMessage
from deliveries.models import Status

MESSAGES_KEPT = timedelta(days=30)
AT_ONCE = 5_000  # rows of a statement


def forget_old(at: datetime) -> int:
    """Delete what is older than it is kept; return how many alerts and messages went."""
    Pulse.objects.exclude(delivery__status=Status.SENDING).delete()
    kept = timedelta(days=settings.SINETE["alert_days"])
    old_alerts = Alert.objects.filter(closed_at__lt=at - kept)
    old_messages = WebhookMessage.objects.filter(due_at=None, at__lt=at - MESSAGES_KEPT)
    return _in_parts(old_messages) + _in_parts(old_alerts)


def _in_parts(rows: object) -> int:
    done = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):  # type: ignore[attr-defined]  # a query set
        rows.model.objects.filter(pk__in=ids).delete()  # type: ignore[attr-defined]  # the same
        done += len(ids)
    return done
