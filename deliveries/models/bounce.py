"""A bounce: what a report that came back later says of a message, and what the message was before it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from deliveries.models.delivery import Delivery
from deliveries.models.message import MessageStatus, Nature, Reason


class Bounce(models.Model):
    """Beside a message that is *bounced*. The row itself keeps what the relay answered when it took the message."""

    pk = models.CompositePrimaryKey("delivery_id", "seq")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="bounces"
    )
    seq = models.IntegerField()
    at = models.DateTimeField(_("reported"))
    nature = models.CharField(_("nature"), max_length=8, choices=Nature.choices)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    status = models.CharField(_("enhanced code"), max_length=16, blank=True, default="")
    text = models.CharField(_("text of the report"), max_length=500, blank=True, default="")
    # What taking it back restores.
    was = models.SmallIntegerField(choices=MessageStatus.choices)
    was_nature = models.CharField(max_length=8, blank=True, default="")
    was_reason = models.CharField(max_length=20, blank=True, default="")
    doubt = models.JSONField(null=True)

    class Meta:
        verbose_name = _("bounce")
        verbose_name_plural = _("bounces")
