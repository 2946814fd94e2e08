"""What was counted, when, and how a recount differed; and reports that are mailed by the clock."""

from urllib.parse import urlencode

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from audiences.models import Profile
from deliveries.models import Delivery, Folder


class DeliveryStatistics(models.Model):
    """What the readers of one delivery did. Messages are counted by their chunks.

    PostgreSQL adds to it in the transaction that stores or changes a hit; at `folded_at` it was compared with the logs.
    """

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="statistics"
    )
    opens = models.PositiveIntegerField(default=0)
    openers = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    clickers = models.PositiveIntegerField(default=0)
    mirror_views = models.PositiveIntegerField(default=0)
    unsubscribers = models.PositiveIntegerField(default=0)
    # Of each kind of hit and each class: how many there are, and of how many messages.
    by_class = models.JSONField(default=dict, db_default={})
    folded_at = models.DateTimeField(_("checked"), null=True)

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


class StandingFigures(models.Model):
    """What was last counted from the rows of a large delivery, as pages draw it; `mark` says of which state."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    at = models.DateTimeField(_("counted"))
    mark = models.CharField(max_length=64)
    took_ms = models.IntegerField(default=0, db_default=0)
    # As `KeptFigures` has them.
    by_link = models.JSONField(default=list)
    by_time = models.JSONField(default=list)
    by_minute = models.JSONField(default=list)

    class Meta:
        verbose_name = _("standing figures of a delivery")
        verbose_name_plural = _("standing figures of deliveries")

    def __str__(self) -> str:
        return str(self.delivery_id)


class StandingFailures(models.Model):
    """Why messages of a large delivery failed, and at whose servers, as last counted: `mark` says of which state.

    `changes` counts what no tally tells of: another reason of a message that bounced already (PostgreSQL adds to it),
    and rows that an erasure emptied. Without `at` nobody has counted to the end yet.
    """

    delivery = models.OneToOneField(
        Delivery, on_delete=models.CASCADE, primary_key=True, db_constraint=False, related_name="+"
    )
    at = models.DateTimeField(_("counted"), null=True)
    mark = models.CharField(max_length=64, default="")
    took_ms = models.IntegerField(default=0, db_default=0)
    changes = models.BigIntegerField(default=0, db_default=0)
    # As `KeptFigures` has them.
    by_reason = models.JSONField(default=list)
    by_provider = models.JSONField(default=list)

    class Meta:
        verbose_name = _("standing failures of a delivery")
        verbose_name_plural = _("standing failures of deliveries")

    def __str__(self) -> str:
        return str(self.delivery_id)


class Fold(models.Model):
    """One run of the hourly count; the next begins where it looked up to."""

    at = models.DateTimeField(_("at"), db_index=True)
    deliveries = models.PositiveIntegerField(_("deliveries"))
    repaired = models.PositiveIntegerField(_("deliveries put right"), default=0, db_default=0)

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


class ScheduledReport(models.Model):
    """A report that is mailed to people of the product, again and again; each gets what they may see themselves."""

    class Rhythm(models.TextChoices):
        DAILY = "daily", _("Each day")
        WEEKLY = "weekly", _("Each week")
        MONTHLY = "monthly", _("Each month")

    kind = models.CharField(_("report"), max_length=16)
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="+"
    )
    # Of what it is: deliveries, a folder, or else the unit and those below. It goes with its folder.
    folder = models.ForeignKey(
        Folder, verbose_name=_("folder"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    deliveries = models.ManyToManyField(
        Delivery, verbose_name=_("deliveries"), blank=True, related_name="scheduled_reports"
    )
    days = models.PositiveSmallIntegerField(_("of the last so many days"), null=True, blank=True)
    recipients = models.ManyToManyField(User, verbose_name=_("recipients"), related_name="scheduled_reports")
    rhythm = models.CharField(_("how often"), max_length=8, choices=Rhythm.choices, default=Rhythm.WEEKLY)
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), default=1, validators=[MinValueValidator(1), MaxValueValidator(7)]
    )
    month_day = models.PositiveSmallIntegerField(
        _("day of the month"), default=1, validators=[MinValueValidator(1), MaxValueValidator(31)],
        help_text=_("Of a month without that day it is the last one."),
    )  # fmt: skip
    at_time = models.TimeField(_("at"))
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    is_on = models.BooleanField(_("is sent"), default=True)
    next_at = models.DateTimeField(_("next"), null=True, editable=False)
    created_by = models.ForeignKey(
        User,
        verbose_name=_("created by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("scheduled report")
        verbose_name_plural = _("scheduled reports")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="scheduled_report_due")
        ]
        constraints = [
            models.CheckConstraint(
                name="scheduled_report_on_a_day",
                condition=Q(weekday__gte=1, weekday__lte=7, month_day__gte=1, month_day__lte=31),
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class ReportMail(models.Model):
    """One mail of a scheduled report: a moment and a person have one row, so it never goes twice."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        HANDED = "handed", _("Handed over; nobody knows whether it left")
        MAILED = "mailed", _("Mailed")
        SKIPPED = "skipped", _("Not sent: may not see it, or has no address")
        FAILED = "failed", _("Failed")

    report = models.ForeignKey(
        ScheduledReport, verbose_name=_("scheduled report"), on_delete=models.CASCADE, related_name="mails",
        db_index=False,
    )  # fmt: skip
    moment = models.DateTimeField(_("moment"))
    user = models.ForeignKey(User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+")
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.WAITING)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    mail_after = models.DateTimeField(_("mail leaves after"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("mail of a scheduled report")
        verbose_name_plural = _("mails of scheduled reports")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["report", "moment", "user"], name="report_mail_once")]
        indexes = [models.Index(fields=["mail_after"], condition=Q(status="waiting"), name="report_mail_due")]

    def __str__(self) -> str:
        return f"{self.report_id}: {self.moment:%Y-%m-%d %H:%M}"


class PersonExport(models.Model):
    """All that is known of one person, as one file: made by a worker, kept for a day, for whoever asked for it."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Being made")
        READY = "ready", _("Ready to download")
        FAILED = "failed", _("Failed")

    profile = models.ForeignKey(
        Profile, verbose_name=_("profile"), on_delete=models.CASCADE, related_name="exports"
    )
    by = models.ForeignKey(User, verbose_name=_("by"), on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(_("asked"))
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.QUEUED)
    # Steps: each place where data lives, and each message.
    done = models.PositiveIntegerField(_("steps done"), default=0)
    total = models.PositiveIntegerField(_("steps"), default=0)
    octets = models.BigIntegerField(_("octets"), default=0)
    ended_at = models.DateTimeField(_("ended"), null=True)
    expires_at = models.DateTimeField(_("removed at"), null=True)
    # As of a recount.
    lease_until = models.DateTimeField(null=True, editable=False)
    token = models.BigIntegerField(default=0, db_default=0, editable=False)
    unended = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("export of personal data")
        verbose_name_plural = _("exports of personal data")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(status="queued"), name="person_export_open"),
            models.Index(fields=["expires_at"], name="person_export_expires"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.status == self.Status.QUEUED

    @property
    def is_ready(self) -> bool:
        return self.status == self.Status.READY

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def tone(self) -> str:
        """The word by which its colour is found."""
        return {"ready": "done", "failed": "failed"}.get(self.status, "running")


class PersonExportPart(models.Model):
    """A piece of the file: kept in the database, so that any host may make it and any may hand it out."""

    export = models.ForeignKey(PersonExport, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="person_export_part_once")]


class LogFilter(models.Model):
    """Filters of a log that a person keeps by name; `chosen` is as the address of the log's page has them."""

    LONGEST_NAME = 80

    user = models.ForeignKey(User, verbose_name=_("by"), on_delete=models.CASCADE, related_name="+")
    log = models.CharField(_("log"), max_length=16)
    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    chosen = models.JSONField(_("filters"), default=dict)
    saved_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("saved filter of a log")
        verbose_name_plural = _("saved filters of logs")
        ordering = ["log", "name"]
        constraints = [models.UniqueConstraint(fields=["user", "log", "name"], name="log_filter_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def query(self) -> str:
        """As it stands in the address of the log's page."""
        return urlencode(self.chosen)
