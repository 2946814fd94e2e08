"""What webhooks are told of an alert: written in the transaction of what it tells of, one message for each webhook."""

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q
from django.urls import reverse
from django.utils import translation

from alerts import words
from alerts.models import Alert, Webhook, WebhookEvent, WebhookMessage


def write(alert: Alert, event: WebhookEvent, *, at: datetime) -> int:
    """Each webhook that wants to know gets its message, once; return how many there are."""
    wants = Q(conditions=[]) | Q(conditions__contains=[alert.condition])
    webhooks = list(Webhook.objects.filter(wants, unit__in=alert.delivery.unit.lineage, is_active=True))
    if not webhooks:
        return 0
    body = _body(event, of_alert(alert), at=at)
    return len(
        WebhookMessage.objects.bulk_create(
            [WebhookMessage(webhook=each, alert=alert, event=event, body=body, at=at, due_at=at) for each in webhooks],
            ignore_conflicts=True,
        )
    )  # fmt: skip


def test_message(webhook: Webhook, *, at: datetime) -> WebhookMessage:
    """An example for one webhook, due now: no delivery is in it."""
    example = {"webhook": webhook.label, "unit": webhook.unit.label}
    body = _body(WebhookEvent.TEST, example, at=at)
    return WebhookMessage.objects.create(
        webhook=webhook, event=WebhookEvent.TEST, body=body, at=at, due_at=at
    )


def of_alert(alert: Alert) -> dict[str, Any]:
    """What a program learns of an alert: no address of anybody is in it."""
    with translation.override(settings.LANGUAGE_CODE):
        found = words.as_dict(alert)
    address = settings.PUBLIC_URL + reverse("deliveries:dashboard", args=[alert.delivery_id])
    return {**found, "status": alert.delivery.status, "url": address}


def _body(event: WebhookEvent, data: dict[str, Any], *, at: datetime) -> str:
    return json.dumps(
        {"type": event.value, "timestamp": at, "data": data}, cls=DjangoJSONEncoder, ensure_ascii=False
    )
