"""Recurring deliveries: what recurs, and one row for each of its moments."""

from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from campaign.lib.recurrence import LONGEST_RULE, Reading, Recurrence, readings_differ
from deliveries.models.delivery import Delivery

MOST_MINUTES = 7 * 24 * 60


class Overlap(models.TextChoices):
    """What becomes of a run whose turn comes while the one before is still going."""

    SKIP = "skip", _("is left out")
    QUEUE = "queue", _("waits until that has ended")


def _minutes(name: Any, default: int, *, least: int = 0) -> models.PositiveIntegerField:
    limits = [MinValueValidator(least), MaxValueValidator(MOST_MINUTES)]
    return models.PositiveIntegerField(name, default=default, validators=limits)


class Series(models.Model):
    """When a recurring delivery runs, and what each run may do without a confirmation; sealed with the delivery."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, related_name="series")
    rule = models.CharField(_("rule"), max_length=LONGEST_RULE)
    # What was activated before rules were read by the standard keeps its moments, until its schedule is saved again.
    reading = models.CharField(
        max_length=8,
        choices=[(reading, reading) for reading in Reading],
        default=Reading.STANDARD,
        db_default=Reading.STANDARD,
        editable=False,
    )
    starts_on = models.DateField(_("from"))
    at = models.TimeField(_("at"))
    excluded_dates = ArrayField(models.DateField(), verbose_name=_("not on"), default=list, blank=True)
    request_confirmation = models.BooleanField(_("request confirmation before sending"), default=True)
    ahead_minutes = _minutes(_("prepared ahead, in minutes"), 60)
    expires_minutes = _minutes(_("waits for its confirmation, in minutes"), 24 * 60, least=1)
    remind_minutes = _minutes(_("reminder before it expires, in minutes"), 120)
    late_minutes = _minutes(_("sent late up to, in minutes"), 120)
    overlap = models.CharField(
        _("while the run before is still going"),
        max_length=8,
        choices=Overlap.choices,
        default=Overlap.SKIP,
    )
    # None: twice as many as counted when it was prepared.
    size_limit = models.PositiveIntegerField(
        _("most recipients of a run"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # Where the tick goes on: the next moment without a row, and when a run begins to be prepared for it.
    next_at = models.DateTimeField(_("next run"), null=True, editable=False)
    wake_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("recurring delivery")
        verbose_name_plural = _("recurring deliveries")
        indexes = [models.Index(fields=["wake_at"], name="series_wake")]

    def __str__(self) -> str:
        return f"{self.delivery.name} {self.delivery.label}"

    @property
    def recurrence(self) -> Recurrence:
        start = datetime.combine(self.starts_on, self.at)
        zone, excluded = self.delivery.time_zone, frozenset(self.excluded_dates)
        return Recurrence(self.rule, start, zone, excluded, self.reading)

    def look_on_after(self, moment: datetime) -> None:
        """Make the first moment after this one the next; None where the rule has ended."""
        self.next_at = next(self.recurrence.moments(moment), None)
        self.wake_at = self.next_at - timedelta(minutes=self.ahead_minutes) if self.next_at else None

    def sealed(self) -> dict[str, Any]:
        """All that an activation binds, as the seal holds it."""
        is_said = self.reading != Reading.EARLIER and readings_differ(self.rule)
        return {
            "rule": self.rule,
            **({"reading": str(self.reading)} if is_said else {}),
            "start": datetime.combine(self.starts_on, self.at).isoformat(),
            "excluded": sorted(day.isoformat() for day in self.excluded_dates if isinstance(day, date)),
            **{name: getattr(self, name) for name in SEALED},
        }


SEALED = (
    "request_confirmation",
    "ahead_minutes",
    "expires_minutes",
    "remind_minutes",
    "late_minutes",
    "overlap",
    "size_limit",
)


class Skipped(models.TextChoices):
    """Why a moment has no run, or its run was not sent."""

    NO = "", ""
    LATE = "late", _("Missed: its time had passed by more than the series allows")
    OVERLAP = "overlap", _("Left out: the run before was still going")
    PAUSED = "paused", _("Left out: the series was paused")
    NOBODY = "nobody", _("Left out: there was nobody to write to")
    UNCONFIRMED = "unconfirmed", _("Expired: nobody confirmed it in time")


class Occurrence(models.Model):
    """One moment of a series: its run, or why there is none. A moment has one row, so it never runs twice."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="occurrences")
    moment = models.DateTimeField(_("moment"))
    execution = models.OneToOneField(
        Delivery,
        verbose_name=_("execution"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="occurrence",
    )
    skipped = models.CharField(_("left out"), max_length=16, choices=Skipped.choices, blank=True, default="")
    # What of it lies outside of what was activated, so that it waits for a person; names, see `activation`.
    outside = ArrayField(models.CharField(max_length=24), default=list, blank=True)
    # Status and seal of its run as the tick last looked at it.
    settled = models.CharField(max_length=100, blank=True, default="")
    reminded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-moment"]
        constraints = [models.UniqueConstraint(fields=["series", "moment"], name="occurrence_once")]

    def __str__(self) -> str:
        return date_format(self.moment.astimezone(self.series.delivery.zone), "DATETIME_FORMAT")
