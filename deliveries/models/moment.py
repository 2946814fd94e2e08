"""The sending plan: a row for each moment, be it a zone's local hour or a wave.

A chunk belongs to one moment. Its rows may be handed over once the moment was opened, which PostgreSQL does
(`deliveries_open_moments`) when its time is reached and, of a wave, when those before let it.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models.delivery import Delivery


class Moment(models.Model):
    """A run of consecutive messages that may leave from the same moment on."""

    pk = models.CompositePrimaryKey("delivery_id", "number")
    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="moments",
    )  # fmt: skip
    number = models.IntegerField(_("number"))
    zone = models.CharField(_("time zone"), max_length=64, blank=True, default="", db_default="")
    # Of its people, how many have no zone of their own and get the delivery's.
    without_zone = models.IntegerField(default=0, db_default=0)
    # Null until it is confirmed: at once, or so many seconds after the wave before.
    not_before = models.DateTimeField(_("not before"), null=True)
    gap_seconds = models.IntegerField(null=True)
    seq_from = models.IntegerField()
    seq_to = models.IntegerField()
    opened_at = models.DateTimeField(null=True)
    first_left_at = models.DateTimeField(_("first message left"), null=True)
    held_at = models.DateTimeField(_("held"), null=True)
    held_percent = models.DecimalField(max_digits=4, decimal_places=1, null=True)
    released_at = models.DateTimeField(_("released"), null=True)
    released_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("moment")
        verbose_name_plural = _("moments")

    @property
    def people(self) -> int:
        return self.seq_to - self.seq_from + 1

    @property
    def is_held(self) -> bool:
        return self.held_at is not None and self.released_at is None
