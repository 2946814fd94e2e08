"""Above what a unit is alerted, and what a look remembers so that the next one can compare."""

from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit
from deliveries.models import Delivery

MOST_MINUTES = 60 * 24 * 30


def _percent(label: Any) -> Any:
    return models.DecimalField(
        label, max_digits=5, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(100)],
    )  # fmt: skip


def _minutes(label: Any) -> Any:
    return models.PositiveIntegerField(
        label, null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_MINUTES)]
    )


class AlertLimits(models.Model):
    """What one unit says of its alerts, for itself and all below; what it leaves empty holds as above."""

    unit = models.OneToOneField(
        OrganizationalUnit,
        verbose_name=_("unit"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
    )
    bounces = _percent(_("bounces and errors, per cent of what was sent"))
    complaints = _percent(_("complaints, per cent of what was delivered"))
    opt_outs = _percent(_("opt-outs, per cent of what was delivered"))
    times_typical = models.DecimalField(
        _("times the rate of like deliveries"), max_digits=4, decimal_places=1, null=True, blank=True,
        validators=[MinValueValidator(Decimal("1.1")), MaxValueValidator(100)],
    )  # fmt: skip
    least = models.PositiveIntegerField(
        _("messages at least"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("Before so many messages have an outcome no rate counts."),
    )  # fmt: skip
    holds = models.BooleanField(_("hold a send that passes a limit"), null=True, blank=True)
    late = _minutes(_("late after, in minutes"))
    not_moving = _minutes(_("not moving after, in minutes"))
    waiting = _minutes(_("waiting for confirmation after, in minutes"))

    class Meta:
        verbose_name = _("limits of alerts")
        verbose_name_plural = _("limits of alerts")

    def __str__(self) -> str:
        return str(self.unit)


class Pulse(models.Model):
    """How far a send was when it last moved; only of deliveries that are being sent."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="+")
    handled = models.BigIntegerField()
    moved_at = models.DateTimeField()


class Baseline(models.Model):
    """What the last finished deliveries of a unit had, together, as counted at `at`: what is usual there."""

    unit = models.OneToOneField(
        OrganizationalUnit, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    at = models.DateTimeField()
    deliveries = models.IntegerField()
    answered = models.BigIntegerField()
    refused = models.BigIntegerField()
    delivered = models.BigIntegerField()
    complaints = models.BigIntegerField()
    opt_outs = models.BigIntegerField()
