"""What was counted, when, and how a recount differed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models import Delivery


class DeliveryStatistics(models.Model):
    """What the readers of one delivery did, as counted at `folded_at`. Messages are counted by their chunks."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, related_name="statistics"
    )
    opens = models.PositiveIntegerField(default=0)
    openers = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    clickers = models.PositiveIntegerField(default=0)
    mirror_views = models.PositiveIntegerField(default=0)
    unsubscribers = models.PositiveIntegerField(default=0)
    # Of each kind of hit and each class: how many there are, and of how many messages.
    by_class = models.JSONField(default=dict, db_default={})
    folded_at = models.DateTimeField(_("counted"))

    class Meta:
        verbose_name = _("statistics of a delivery")
        verbose_name_plural = _("statistics of deliveries")

    def __str__(self) -> str:
        return str(self.delivery_id)


class KeptFigures(models.Model):
    """What was counted from rows before the first of them went by a retention period, as pages draw it since."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, related_name="kept_figures"
    )
    at = models.DateTimeField(_("counted"))
    # [[reason, refused, later]], [[provider, refused, later]], [[kind, link, number, people]],
    # [[epoch of a quarter of an hour, opens, clicks]], [[epoch of a minute, delivered, failed]]
    by_reason = models.JSONField(default=list)
    by_provider = models.JSONField(default=list)
    by_link = models.JSONField(default=list)
    by_time = models.JSONField(default=list)
    by_minute = models.JSONField(default=list)

    class Meta:
        verbose_name = _("kept figures of a delivery")
        verbose_name_plural = _("kept figures of deliveries")

    def __str__(self) -> str:
        return str(self.delivery_id)


class Fold(models.Model):
    """One run of the hourly count; the next begins where it looked up to."""

    at = models.DateTimeField(_("at"), db_index=True)
    deliveries = models.PositiveIntegerField(_("deliveries"))

    class Meta:
        verbose_name = _("hourly count")
        verbose_name_plural = _("hourly counts")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class StatisticsRun(models.Model):
    """One *Compute stats*: everything recounted from the logs, what it was before, and the difference."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        DONE = "done", _("Completed")
        FAILED = "failed", _("Failed")

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="statistics_runs")
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("asked"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.QUEUED)
    old = models.JSONField(default=dict)
    new = models.JSONField(default=dict)
    difference = models.JSONField(default=dict)
    chunks_repaired = models.PositiveIntegerField(default=0)
    # While a worker is at it the lease moves ahead, and each that takes it raises the token. `unended` counts those
    # that were never heard of again, and the one that is at it: too many, and it fails.
    lease_until = models.DateTimeField(null=True, editable=False)
    token = models.BigIntegerField(default=0, db_default=0, editable=False)
    unended = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("recount")
        verbose_name_plural = _("recounts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery"], condition=Q(status="queued"), name="recount_one_queued"
            )
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.QUEUED


class HitReclassification(models.Model):
    """Hits judged anew, of one delivery or of all: what would change, then that it was applied."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Being looked at")
        READY = "ready", _("Ready: look, then apply")
        APPLYING = "applying", _("Being applied")
        APPLIED = "applied", _("Applied")
        FAILED = "failed", _("Failed")

    delivery = models.ForeignKey(
        Delivery,
        verbose_name=_("delivery"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="hit_reclassifications",
    )
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.QUEUED)
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("asked"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    hits = models.BigIntegerField(_("hits looked at"), default=0)
    changed = models.BigIntegerField(_("of another class"), default=0)
    # Kind of hit, class before, class after, number; and of each figure what it was and what it becomes.
    moves = models.JSONField(default=list)
    figures = models.JSONField(default=dict)
    # As of a recount.
    lease_until = models.DateTimeField(null=True, editable=False)
    token = models.BigIntegerField(default=0, db_default=0, editable=False)
    unended = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("re-classification of hits")
        verbose_name_plural = _("re-classifications of hits")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(status__in=["queued", "applying"]),
                name="hit_reclassification_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @property
    def may_be_applied(self) -> bool:
        return self.status == self.Status.READY

    @property
    def is_open(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.status in {self.Status.QUEUED, self.Status.APPLYING}

    @property
    def tone(self) -> str:
        """The word by which its colour is found."""
        return {"ready": "waiting", "applied": "done", "failed": "failed"}.get(self.status, "running")
