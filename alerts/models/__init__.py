from alerts.models.alert import Alert, AlertChoice, AlertNotice, Condition, MailWhen, Whose
from alerts.models.limits import AlertLimits, Baseline, Pulse
from alerts.models.webhook import Webhook, WebhookAttempt, WebhookEvent, WebhookMessage

__all__ = [
    "Alert",
    "AlertChoice",
    "AlertLimits",
    "AlertNotice",
    "Baseline",
    "Condition",
    "MailWhen",
    "Pulse",
    "Webhook",
    "WebhookAttempt",
    "WebhookEvent",
    "WebhookMessage",
    "Whose",
]
