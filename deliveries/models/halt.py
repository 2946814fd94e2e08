"""All sending of a unit and of everything below it is stopped, until somebody allows it again."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User


class HaltQuerySet(models.QuerySet["Halt"]):
    def in_force(self) -> Self:
        return self.filter(lifted_at=None)

    def covering(self, unit: OrganizationalUnit) -> Self:
        """Those that hold back what belongs to this unit: its own, and those of the units above."""
        return self.in_force().filter(unit__in=unit.lineage)


class Halt(models.Model):
    """While it is in force nothing below the unit is handed over; the statuses of deliveries stay as they are."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="+"
    )
    by = models.ForeignKey(User, verbose_name=_("by"), on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("at"))
    reason = models.CharField(_("reason"), max_length=300)
    lifted_at = models.DateTimeField(_("allowed again"), null=True)
    lifted_by = models.ForeignKey(
        User, verbose_name=_("allowed by"), null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = HaltQuerySet.as_manager()
    may_allow = False  # whether whoever looks may lift it; `halts.shown_to` knows

    class Meta:
        verbose_name = _("stop of all sending")
        verbose_name_plural = _("stops of all sending")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit"], condition=models.Q(lifted_at=None), name="halt_one_in_force"
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.reason}"
