"""Webhooks of units: made, changed, tried and taken away by the unit's administrators."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from alerts import queues
from alerts.models import Condition, Webhook, WebhookMessage
from alerts.webhooks import messages, reaching, secrets
from campaign.lib import locking
from campaign.lib.refusals import Refusal

MOST = 20  # of one unit
OVERLAP = timedelta(hours=24)  # so long the secret before signs, too


class UnfitAddress(Refusal):
    message = _("Address: %(problem)s")
    code = "unfit_address"
    exit_code = 2


class UnfitLabel(Refusal):
    message = _("Label: write 1 to 128 characters, all in one line.")
    code = "unfit_label"
    exit_code = 2


class UnknownCondition(Refusal):
    message = _("There is no condition “%(name)s”. Conditions: %(known)s.")
    code = "unknown_condition"
    exit_code = 2


class TooManyWebhooks(Refusal):
    message = _("A unit has at most %(most)s webhooks.")
    code = "too_many_webhooks"


class NotActive(Refusal):
    message = _("“%(webhook)s” is not active: it is told nothing.")
    code = "not_active"


def administered_by(user: User) -> QuerySet[Webhook]:
    """Return the webhooks of the units that the person administers."""
    return access.within(user, Right.ADMINISTER, Webhook.objects.select_related("unit"))


@transaction.atomic
def create(
    *, unit: OrganizationalUnit, label: str, url: str, conditions: Iterable[str] = (), by: User, at: datetime
) -> tuple[Webhook, str]:
    """The unit has one webhook more; return it and its secret, which nobody is shown again.

    Raise NotAllowed without the right to administer the unit, TooManyWebhooks, and a Refusal that names the field.
    """
    access.require(by, Right.ADMINISTER, unit)
    list(OrganizationalUnit.objects.select_for_update(no_key=True).filter(pk=unit.pk).values_list("pk"))
    if Webhook.objects.filter(unit=unit).count() >= MOST:
        raise TooManyWebhooks(most=MOST)
    secret = secrets.new()
    webhook = Webhook.objects.create(
        unit=unit, label=_label(label), url=_url(url), conditions=_conditions(conditions),
        secret=secrets.sealed(secret), created_by=by, created_at=at,
    )  # fmt: skip
    audit.record("create_webhook", by=by, target=webhook, unit=unit.label, **_said(webhook))
    return webhook, secret


@transaction.atomic
def change(
    *, webhook: Webhook, label: str, url: str, conditions: Iterable[str], is_active: bool, by: User
) -> Webhook:
    """The webhook has this label, address and these conditions. Raise as `create`."""
    webhook = _own(webhook, by)
    before = _said(webhook)
    webhook.label, webhook.url, webhook.conditions = _label(label), _url(url), _conditions(conditions)
    if is_active and not webhook.is_active:
        webhook.stopped_because = ""
    webhook.is_active = is_active
    if _said(webhook) != before:
        webhook.save()
        audit.record("change_webhook", by=by, target=webhook, before=before, after=_said(webhook))
    return webhook


@transaction.atomic
def rotate(*, webhook: Webhook, by: User, at: datetime) -> str:
    """The webhook has another secret, which is returned and not shown again; for a day the one before signs, too."""
    webhook = _own(webhook, by)
    secret = secrets.new()
    webhook.old_secret, webhook.old_secret_until = webhook.secret, at + OVERLAP
    webhook.secret = secrets.sealed(secret)
    webhook.save(update_fields=["secret", "old_secret", "old_secret_until"])
    audit.record("rotate_webhook", by=by, target=webhook)
    return secret


@transaction.atomic
def test(*, webhook: Webhook, by: User, at: datetime) -> WebhookMessage:
    """A signed example is on its way to the webhook. Raise NotAllowed, and NotActive for one that is told nothing."""
    webhook = _own(webhook, by)
    if not webhook.is_active:
        raise NotActive(webhook=webhook)
    message = messages.test_message(webhook, at=at)
    audit.record("test_webhook", by=by, target=webhook)
    queues.CALL.enqueue(job_id="webhooks")
    return message


@transaction.atomic
def remove(*, webhook: Webhook, by: User) -> None:
    """The webhook is gone, with the log of what it was told."""
    webhook = _own(webhook, by)
    audit.record("remove_webhook", by=by, target=webhook, unit=webhook.unit.label, **_said(webhook))
    webhook.delete()


def _own(webhook: Webhook, by: User) -> Webhook:
    """The row, locked, for whoever administers its unit."""
    found = locking.locked(Webhook.objects.select_related("unit"), webhook.pk)
    access.require(by, Right.ADMINISTER, found.unit)
    return found


def _said(webhook: Webhook) -> dict[str, Any]:
    """What the audit trail holds of it: of its address, which may hold a password, the host and a fingerprint."""
    return {
        "label": webhook.label,
        "host": urlsplit(webhook.url).hostname,
        "address": hashlib.sha256(webhook.url.encode()).hexdigest()[:12],
        "conditions": list(webhook.conditions),
        "active": webhook.is_active,
    }


def _label(text: str) -> str:
    label = text.strip()
    if not label or len(label) > 128 or not label.isprintable():
        raise UnfitLabel()
    return label


def _url(text: str) -> str:
    try:
        reaching.checked(text.strip())
    except reaching.Unreached as reason:
        raise UnfitAddress(problem=_t(str(reason))) from None
    return text.strip()


def _conditions(names: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in Condition.values:
            raise UnknownCondition(name=name[:40], known=", ".join(Condition.values))
    return [each for each in Condition.values if each in wanted]
