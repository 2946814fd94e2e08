"""Where other programs are told of alerts, and what became of each message to them."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from alerts.models.alert import Alert, Condition


class WebhookEvent(models.TextChoices):
    """What a message tells."""

    OPENED = "alert.opened", _("An alert has begun")
    HELD = "alert.held", _("An alert has held the send")
    CLOSED = "alert.closed", _("An alert is over")
    TEST = "webhook.test", _("Test")


class Webhook(models.Model):
    """An address of another program, told of the alerts of a unit and of all below it; signed by Standard Webhooks."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="+"
    )
    label = models.CharField(_("label"), max_length=128)
    url = models.CharField(_("address"), max_length=500)
    conditions = ArrayField(
        models.CharField(max_length=20, choices=Condition.choices),
        verbose_name=_("conditions"),
        blank=True,
        default=list,
        help_text=_("None: all of them."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    stopped_because = models.CharField(max_length=200, blank=True, default="", editable=False)
    # Encrypted; the one before signs too until its time is over, so that a receiver can change without a gap.
    secret = models.TextField(editable=False)
    old_secret = models.TextField(blank=True, default="", editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        User,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label


class WebhookMessage(models.Model):
    """What one webhook is told, once: its key is the same in every attempt."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="messages")
    alert = models.ForeignKey(Alert, null=True, on_delete=models.SET_NULL, related_name="+")
    event = models.CharField(_("event"), max_length=16, choices=WebhookEvent.choices)
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    body = models.TextField()
    at = models.DateTimeField(_("at"))
    # While an attempt is made this is the end of its lease; null: nothing is left to do.
    due_at = models.DateTimeField(_("next attempt"), null=True)
    token = models.IntegerField(default=0)
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    taken_at = models.DateTimeField(_("taken"), null=True)

    class Meta:
        verbose_name = _("message to a webhook")
        verbose_name_plural = _("messages to webhooks")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "alert", "event"],
                condition=models.Q(alert__isnull=False),
                name="webhook_told_once",
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="webhook_due")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.key}"

    @property
    def name(self) -> str:
        """The id that a receiver sees."""
        return f"msg_{self.key.hex}"

    @property
    def is_given_up(self) -> bool:
        return self.due_at is None and self.taken_at is None


class WebhookAttempt(models.Model):
    """One attempt: what the other side answered, or why there is no answer."""

    message = models.ForeignKey(WebhookMessage, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(_("at"))
    status = models.PositiveSmallIntegerField(_("answer"), null=True)
    problem = models.CharField(_("problem"), max_length=200, blank=True, default="")
    milliseconds = models.PositiveIntegerField(_("milliseconds"))

    class Meta:
        verbose_name = _("attempt at a webhook")
        verbose_name_plural = _("attempts at webhooks")
        ordering = ["-id"]
