"""The attempts: each message is taken under a lease, and what came of it is in the log.

A message is told at least once: whoever takes it raises its token and pushes its next moment behind the lease, so that
it comes again by itself if they die. Its key is the same in every attempt, by which a receiver knows it again.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_noop as n_
from standardwebhooks import Webhook as Signer

from alerts.models import Webhook, WebhookAttempt, WebhookMessage
from alerts.webhooks import reaching, secrets
from campaign.lib import clock

logger = logging.getLogger(__name__)

# After each attempt that failed, as Standard Webhooks suggests; then it is given up.
PAUSES = [
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
]  # fmt: skip
LEASE = timedelta(seconds=60)
SECONDS_A_JOB = 120.0
GONE = 410
UNSIGNED = n_("Its secret can't be read with this installation's key: give it another one.")


def due(at: datetime) -> QuerySet[WebhookMessage]:
    """Return what should be told by now."""
    return WebhookMessage.objects.filter(due_at__lte=at, webhook__is_active=True)


def call_due() -> int:
    """Tell what is due, for two minutes at most; return how many were taken. Two of these at once share the work.

    A webhook that did not take a message is left for this time, so that it holds up no other.
    """
    until = time.monotonic() + SECONDS_A_JOB
    taken, left = 0, set[int]()
    while time.monotonic() < until:
        rows = due(clock.now()).exclude(webhook__in=left).order_by("due_at")
        found = rows.values_list("pk", "webhook_id").first()
        if found is None:
            break
        attempt = call(found[0])
        if attempt is None or attempt.problem:
            left.add(found[1])
        else:
            taken += 1
    return taken


def call(message_id: int) -> WebhookAttempt | None:
    """Make one attempt at a message that is due; None where another has it, or nothing is left to do."""
    message = _take(message_id)
    if message is None:
        return None
    at, began = clock.now(), time.monotonic()
    status, problem = _post(message, at)
    passed = round(1000 * (time.monotonic() - began))
    return _note(message, status=status, problem=problem, passed=passed, at=at)


@transaction.atomic
def _take(message_id: int) -> WebhookMessage | None:
    at = clock.now()
    rows = due(at).filter(pk=message_id)
    if not rows.select_for_update(skip_locked=True, of=("self",)).exists():
        return None
    WebhookMessage.objects.filter(pk=message_id).update(token=F("token") + 1, due_at=at + LEASE)
    return WebhookMessage.objects.select_related("webhook").get(pk=message_id)


def _post(message: WebhookMessage, at: datetime) -> tuple[int | None, str]:
    try:
        headers = signed(message, at)
        answer = reaching.post(message.webhook.url, body=message.body.encode(), headers=headers)
    except secrets.Unreadable:
        return None, UNSIGNED
    except reaching.Unreached as reason:
        return None, str(reason)
    return answer.status, answer.problem


def signed(message: WebhookMessage, at: datetime) -> dict[str, str]:
    """Return the headers of an attempt; while a new secret is young the one before signs too."""
    webhook, at = message.webhook, at.astimezone(UTC)
    kept = [webhook.secret]
    if webhook.old_secret and webhook.old_secret_until is not None and webhook.old_secret_until > at:
        kept.append(webhook.old_secret)
    signatures = [Signer(secrets.opened(each)).sign(message.name, at, message.body) for each in kept]
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Sinete",
        "webhook-id": message.name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@transaction.atomic
def _note(
    message: WebhookMessage, *, status: int | None, problem: str, passed: int, at: datetime
) -> WebhookAttempt:
    """The attempt is in the log, and the message is done, comes again or is given up."""
    attempt = WebhookAttempt.objects.create(
        message=message, at=at, status=status, problem=problem, milliseconds=passed
    )
    tries = message.tries + 1
    pause = PAUSES[tries - 1] if tries <= len(PAUSES) and status != GONE else None
    WebhookMessage.objects.filter(pk=message.pk, token=message.token).update(
        tries=tries,
        taken_at=None if problem else at,
        due_at=at + pause if problem and pause is not None else None,
    )
    if status == GONE:
        Webhook.objects.filter(pk=message.webhook_id).update(is_active=False, stopped_because=GONE_SAID)
    return attempt


GONE_SAID = n_("It answered that it is gone for good (410).")
