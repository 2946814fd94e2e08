"""The decisions of people on one preparation."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models.delivery import Delivery
from deliveries.models.preparation import Preparation


class Approval(models.Model):
    """Somebody accepted or rejected what one preparation sealed."""

    preparation = models.ForeignKey(Preparation, on_delete=models.CASCADE, related_name="approvals")
    accepted = models.BooleanField(_("accepted"))
    by = models.ForeignKey(User, verbose_name=_("by"), on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("at"))
    seal = models.CharField(max_length=64)
    comment = models.TextField(_("comment"), blank=True, default="")

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        ordering = ["-id"]


class Confirmation(models.Model):
    """A holder of Start deliveries released one preparation, naming its seal and the counts on the screen."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="confirmations")
    preparation = models.ForeignKey(Preparation, on_delete=models.PROTECT, related_name="confirmations")
    seal = models.CharField(max_length=64)
    by = models.ForeignKey(User, verbose_name=_("by"), on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(_("at"))
    to_deliver = models.PositiveIntegerField(_("to deliver"))
    # The end of the grace delay of a delivery that leaves at once; nothing leaves before.
    leaves_at = models.DateTimeField(_("leaves"), null=True, blank=True)
    # A run of a series that left inside its seal: on whose activation, and no other decision.
    on_activation = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    taken_back_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    taken_back_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("confirmation")
        verbose_name_plural = _("confirmations")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery"], condition=Q(taken_back_at=None), name="confirmation_one_in_force"
            )
        ]
