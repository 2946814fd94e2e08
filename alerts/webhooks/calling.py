"""The attempts: each message is taken under a lease, and what came of it is in the log.

A message is told at least once: whoever takes it raises its token and pushes its next moment behind the lease, so that
it comes again by itself if they die. Its key is the same in every attempt, by which a receiver knows it again.
"""

import logging
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
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
AT_ONCE = 8  # receivers
SECONDS_A_JOB = 20.0  # then other work of its queue has its turn; a second later it is asked for again
GONE = 410
UNSIGNED = n_("Its secret can't be read with this installation's key: give it another one.")


@dataclass(frozen=True)
class _Said:
    """What came of one request."""

    at: datetime
    status: int | None
    problem: str
    milliseconds: int


def due(at: datetime) -> QuerySet[WebhookMessage]:
    """Return what should be told by now."""
    return WebhookMessage.objects.filter(due_at__lte=at, webhook__is_active=True)


def call_due() -> int:
    """Tell what is due, several webhooks at once and each one message after the other; return how many took theirs.

    A slow receiver keeps nobody waiting but itself, and one that did not take a message is left for this time. After
    SECONDS_A_JOB no other message is begun with. Two of these at once share the work.
    """
    until = time.monotonic() + SECONDS_A_JOB
    with ThreadPoolExecutor(AT_ONCE, "webhook") as lanes:
        return _Round(lanes).run(until)


class _Round:
    """What is under way. Threads do nothing but ask over the network: the database is this thread's alone."""

    def __init__(self, lanes: ThreadPoolExecutor) -> None:
        self._lanes = lanes
        self._under_way: dict[Future[_Said], WebhookMessage] = {}
        self._told: Counter[int] = Counter()
        self._left: set[int] = set()

    def run(self, until: float) -> int:
        while True:
            if time.monotonic() < until:
                self._begin()
            if not self._under_way:
                return self._told.total()
            for said in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                self._end(self._under_way.pop(said), said.result())

    def _begin(self) -> None:
        """The oldest message of each webhook that is free, first of those that were told least."""
        busy = {message.webhook_id for message in self._under_way.values()}
        rows = due(clock.now()).exclude(webhook__in=self._left | busy).order_by("webhook_id", "due_at", "pk")
        found = rows.distinct("webhook_id").values_list("due_at", "pk", "webhook_id")
        waiting = sorted(found, key=lambda row: (self._told[row[2]], row))
        for _at, message_id, webhook_id in waiting[: AT_ONCE - len(busy)]:
            message = _take(message_id)
            if message is None:
                self._left.add(webhook_id)
            else:
                self._under_way[self._lanes.submit(_post, message, clock.now())] = message

    def _end(self, message: WebhookMessage, said: _Said) -> None:
        attempt = _note(message, said)
        if attempt is None or attempt.problem:
            self._left.add(message.webhook_id)
        else:
            self._told[message.webhook_id] += 1


def call(message_id: int) -> WebhookAttempt | None:
    """Make one attempt at a message that is due; None where another has it, it is gone, or nothing is left to do."""
    message = _take(message_id)
    return None if message is None else _note(message, _post(message, clock.now()))


@transaction.atomic
def _take(message_id: int) -> WebhookMessage | None:
    at = clock.now()
    rows = due(at).filter(pk=message_id)
    if not rows.select_for_update(skip_locked=True, of=("self",)).exists():
        return None
    WebhookMessage.objects.filter(pk=message_id).update(token=F("token") + 1, due_at=at + LEASE)
    return WebhookMessage.objects.select_related("webhook").get(pk=message_id)


def _post(message: WebhookMessage, at: datetime) -> _Said:
    began = time.monotonic()
    status: int | None = None
    try:
        answer = reaching.post(message.webhook.url, body=message.body.encode(), headers=signed(message, at))
        status, problem = answer.status, answer.problem
    except secrets.Unreadable:
        problem = UNSIGNED
    except reaching.Unreached as reason:
        problem = str(reason)
    return _Said(at, status, problem, milliseconds=round(1000 * (time.monotonic() - began)))


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
def _note(message: WebhookMessage, said: _Said) -> WebhookAttempt | None:
    """The attempt is in the log, and the message is done, comes again or is given up; None where it was removed."""
    if not WebhookMessage.objects.select_for_update().filter(pk=message.pk).exists():
        return None
    at, status, problem = said.at, said.status, said.problem
    attempt = WebhookAttempt.objects.create(
        message=message, at=at, status=status, problem=problem, milliseconds=said.milliseconds
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
