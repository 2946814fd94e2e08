"""Something about a delivery that people should know of, who is told, and how each of them wants to be."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from deliveries.models import Delivery


class Condition(models.TextChoices):
    """What an alert is about. `alerts.conditions` says when each holds."""

    FAILED = "failed", _("The send failed")
    PREPARATION_FAILED = "preparation_failed", _("Preparation failed")
    STOPPED = "stopped", _("Stopped before all had left")
    LATE = "late", _("Late: it should have begun")
    NOT_MOVING = "not_moving", _("Nothing leaves")
    WAVE_HELD = "wave_held", _("A wave is held")
    BOUNCES = "bounces", _("Bounces and errors above the limit")
    COMPLAINTS = "complaints", _("Complaints above the limit")
    OPT_OUTS = "opt_outs", _("Opt-outs above the limit")
    WAITING = "waiting", _("Waiting for confirmation")


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        """Those whose condition still holds."""
        return self.filter(closed_at=None)

    def visible_to(self, user: User) -> Self:
        """Those about deliveries that the person may see."""
        return self.filter(delivery__in=Delivery.objects.visible_to(user).order_by().values("pk"))


class Alert(models.Model):
    """A condition of a delivery, from when it was found to when it was found no more; one is open at a time."""

    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.CASCADE, db_index=False, related_name="alerts"
    )
    condition = models.CharField(_("condition"), max_length=20, choices=Condition.choices)
    opened_at = models.DateTimeField(_("since"))
    closed_at = models.DateTimeField(_("over"), null=True, editable=False)
    # The send was held because of it; once for an alert, so that whoever releases it is not overruled.
    held_at = models.DateTimeField(_("held"), null=True, editable=False)
    # Of a rate: so many of so many messages, as it stood when it was found; the limit, and what like deliveries have.
    part = models.IntegerField(null=True, editable=False)
    base = models.IntegerField(null=True, editable=False)
    percent = models.DecimalField(max_digits=6, decimal_places=2, null=True, editable=False)
    limit = models.DecimalField(max_digits=6, decimal_places=2, null=True, editable=False)
    typical = models.DecimalField(max_digits=6, decimal_places=2, null=True, editable=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "condition"],
                condition=models.Q(closed_at=None),
                name="alert_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["delivery", "opened_at"], name="alert_delivery"),
            models.Index(fields=["closed_at"], name="alert_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.get_condition_display()}: {self.delivery.label}"


class AlertNotice(models.Model):
    """One person is told of an alert: in the app, and by mail once its time has come."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="alert_notices")
    at = models.DateTimeField(_("at"))
    seen_at = models.DateTimeField(_("seen"), null=True)
    mail_after = models.DateTimeField(null=True)  # null: not by mail
    mailed_at = models.DateTimeField(_("mailed"), null=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("notice of an alert")
        verbose_name_plural = _("notices of alerts")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["alert", "user"], name="alert_told_once")]
        indexes = [
            models.Index(fields=["user"], condition=models.Q(seen_at=None), name="alert_notice_unseen"),
            models.Index(
                fields=["mail_after"],
                condition=models.Q(mailed_at=None, mail_after__isnull=False),
                name="alert_notice_to_mail",
            ),
        ]


class Whose(models.TextChoices):
    """Of which deliveries somebody wants to be told."""

    MINE = "mine", _("Those I made or may start")
    ALL = "all", _("All that I may see")
    NONE = "none", pgettext_lazy("alerts", "None")


class MailWhen(models.TextChoices):
    """When somebody wants it by mail, too."""

    NEVER = "never", _("Never")
    AT_ONCE = "at_once", _("At once")
    HOURLY = "hourly", _("Once an hour, together")
    DAILY = "daily", _("Once a day, together")


class AlertChoice(models.Model):
    """How one person wants to be told of one condition; without a row `alerts.choices` says how."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    condition = models.CharField(_("condition"), max_length=20, choices=Condition.choices)
    whose = models.CharField(_("of which deliveries"), max_length=8, choices=Whose.choices)
    mail = models.CharField(_("by mail"), max_length=8, choices=MailWhen.choices)

    class Meta:
        verbose_name = _("choice of alerts")
        verbose_name_plural = _("choices of alerts")
        constraints = [models.UniqueConstraint(fields=["user", "condition"], name="alert_chosen_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.condition}"
