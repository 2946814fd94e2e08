"""When the messages of one delivery leave, where that is more than one moment: the settings that are sealed."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class PastChoice(models.TextChoices):
    """What becomes of people for whom the hour has passed before the send is confirmed."""

    NEXT_DAY = "next_day", _("At the same hour of the next day")
    NOW = "now", _("Now, with OK")
    LEAVE_OUT = "leave_out", _("Leave them out")


class WaveBy(models.TextChoices):
    """What the number of a wave setting counts."""

    NUMBER = "number", _("waves")
    SHARE = "share", _("percent of all in each wave")
    SIZE = "size", _("messages in each wave")


LONGEST_INTERVAL = 7 * 24 * 60  # minutes
LARGEST_WAVE = 100_000_000


class ScheduleSettings(models.Model):
    """Settings of a delivery at a local hour or in waves; those of the other kinds stand empty."""

    local_date = models.DateField(_("day"), null=True, blank=True)
    local_hour = models.TimeField(_("local hour"), null=True, blank=True)
    past_choice = models.CharField(
        _("whose hour has passed"), max_length=16, choices=PastChoice.choices, default=PastChoice.NEXT_DAY
    )
    wave_by = models.CharField(_("waves by"), max_length=8, choices=WaveBy.choices, blank=True, default="")
    wave_value = models.PositiveIntegerField(
        _("Number"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_WAVE)]
    )
    wave_minutes = models.PositiveIntegerField(
        _("Minutes between waves"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_INTERVAL)],
    )
    # Bounces and errors above so many percent hold the next wave; none: waves are never held.
    wave_limit = models.DecimalField(
        _("Hold the next wave above this percentage of bounces and errors"),
        max_digits=4,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    # Written with the moments; null: at once, when confirmed. Gates read `Moment`, lists read these.
    first_moment = models.DateTimeField(_("first moment"), null=True, editable=False)
    last_moment = models.DateTimeField(_("last moment"), null=True, editable=False)

    class Meta:
        abstract = True
