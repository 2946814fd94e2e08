"""One preparation: what it counted, whom it left out and why, what it found, what it sealed."""

from typing import Any, NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from accounts.models import User
from campaign.lib.displays import QuickDisplays
from campaign.lib.numbers import grouped
from deliveries.models import singulars
from deliveries.models.content import Content
from deliveries.models.delivery import Delivery


class PreparationStatus(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Completed")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


class Cause(models.TextChoices):
    """Why a targeted profile gets no message; in the order in which they are looked at."""

    NO_ADDRESS = "no_address", pgettext_lazy("cause", "Address not specified")
    MALFORMED = "malformed", pgettext_lazy("cause", "Malformed address")
    OPTED_OUT = "opted_out", pgettext_lazy("cause", "Opted out")
    NOT_SUBSCRIBED = "not_subscribed", pgettext_lazy("cause", "Not subscribed")  # for a service alone
    CONSENT_UNCLEAR = "consent_unclear", pgettext_lazy("cause", "Consent unclear")
    QUARANTINED = "quarantined", pgettext_lazy("cause", "Quarantined address")
    DUPLICATE = "duplicate", pgettext_lazy("cause", "Duplicate")
    WRITTEN_TO = "written_to", pgettext_lazy("cause", "Address written to before")  # remainders alone look
    HOUR_PASSED = "hour_passed", pgettext_lazy("cause", "Local hour has passed")  # at a local hour alone


class CauseRow(NamedTuple):
    """A cause that was looked at, and how many it excluded."""

    cause: str
    label: str
    number: int


class Preparation(models.Model):
    """A run of the preparation, numbered within its delivery. What it froze is named by `seal`."""

    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.CASCADE, related_name="preparations"
    )
    number = models.PositiveIntegerField(_("number"))
    status = models.CharField(
        _("status"), max_length=16, choices=PreparationStatus.choices, default=PreparationStatus.RUNNING
    )
    started_by = models.ForeignKey(
        User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    content = models.ForeignKey(Content, null=True, on_delete=models.PROTECT, related_name="+")
    # The preparation that counted the recipients which this one keeps, under a new time.
    kept_from = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="+")
    # Progress, committed slice by slice: what the ring shows.
    percent = models.PositiveSmallIntegerField(default=0)
    targeted = models.PositiveIntegerField(_("targeted"), default=0)
    excluded = models.PositiveIntegerField(_("excluded"), default=0)
    to_deliver = models.PositiveIntegerField(_("to deliver"), default=0)
    causes = models.JSONField(_("exclusion causes"), default=dict)  # cause -> number, zero included
    findings = models.JSONField(_("findings"), default=list)
    # While a worker runs it this moves ahead; once it has passed, another may take over. Each that takes it raises
    # the token: only the run whose token it is writes progress, and seals.
    lease_until = models.DateTimeField(null=True)
    token = models.BigIntegerField(default=0, db_default=0)
    # Runs that were never heard of again, and the one that is at it: too many, and it fails.
    unended = models.PositiveSmallIntegerField(default=0, db_default=0)
    # What was sealed, part by part, and the compiled content from which every message is filled.
    manifest = models.JSONField(default=dict)
    compiled = models.JSONField(default=dict)
    seal = models.CharField(_("seal"), max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("preparation")
        verbose_name_plural = _("preparations")
        ordering = ["delivery", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="preparation_number_once"),
            models.UniqueConstraint(
                fields=["delivery"],
                condition=Q(status=PreparationStatus.RUNNING),
                name="preparation_one_running",
            ),
            models.CheckConstraint(
                name="preparation_books_balance",
                condition=~Q(status=PreparationStatus.DONE)
                | Q(targeted=models.F("excluded") + models.F("to_deliver")),
            ),
        ]

    def __str__(self) -> str:
        return _t("Preparation %(number)s") % {"number": self.number}

    @property
    def staging(self) -> tuple[int, int]:
        """The key of this run's rows in the staging table; read anew, it is that of the run that has taken over."""
        return self.pk, self.token

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["level"] == "error"]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["level"] == "warning"]

    @property
    def information(self) -> list[dict[str, Any]]:
        return [finding for finding in self.findings if finding["level"] == "info"]

    @property
    def cause_rows(self) -> list[CauseRow]:
        """Each cause that was looked at with its number, in the order of looking; zero included."""
        return [
            CauseRow(cause, str(Cause(cause).label), self.causes[cause])
            for cause in Cause.values
            if cause in self.causes
        ]

    @property
    def counted(self) -> "Preparation":
        """The preparation that counted: this one, or the one whose recipients it keeps."""
        return self.kept_from or self

    def makers(self) -> list[User]:
        """Who prepared it or wrote a version of its content: four-eyes bars them from approving.

        A copy begins with what others wrote before it was made: they wrote it too.
        """
        delivery, counted = self.delivery, self.kept_from_id or self.pk
        runs = delivery.preparations.filter(Q(pk=counted) | Q(kept_from=counted), number__lte=self.number)
        starters = runs.exclude(started_by=None).values_list("started_by_id", flat=True)
        makers = {*delivery.inherited_authors, *delivery.authors(upto=self.content), *starters}
        return list(User.objects.filter(pk__in=makers))


class LogLine(QuickDisplays, models.Model):
    """A line of the delivery's log. The text is a msgid with slots, shown in the reader's language."""

    class Level(models.TextChoices):
        INFO = "info", _("Information")
        WARNING = "warning", _("Warning")
        ERROR = "error", _("Error")

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    preparation = models.ForeignKey(Preparation, null=True, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(_("date"))
    level = models.CharField(_("level"), max_length=8, choices=Level.choices, default=Level.INFO)
    text = models.TextField()
    slots = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("log line")
        verbose_name_plural = _("log")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        # A cause is the English name of one, as the text is: the reader's language is known only here.
        slots = grouped(self.slots)
        if slots.get("cause"):
            slots["cause"] = pgettext("cause", slots["cause"])
        return _t(singulars.of(self.text, self.slots)) % slots


class Exclusion(QuickDisplays, models.Model):
    """A targeted profile that gets no message, and why."""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="exclusions"
    )
    preparation = models.ForeignKey(
        Preparation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="exclusions",
    )
    profile_id = models.BigIntegerField()
    address = models.CharField(_("address"), max_length=320, blank=True)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause.choices)

    class Meta:
        verbose_name = _("exclusion")
        verbose_name_plural = _("exclusions")
        indexes = [
            models.Index(fields=["delivery", "preparation", "cause", "id"], name="exclusion_listing"),
            models.Index(fields=["profile_id"], name="exclusion_profile"),
        ]
