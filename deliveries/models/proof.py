"""Proofs: what was sent to test addresses, apart from every figure and history."""

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import OrganizationalUnit, User
from deliveries.models.content import Content
from deliveries.models.delivery import Delivery


class Proof(models.Model):
    """One proof of one content version."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="proofs")
    content = models.ForeignKey(Content, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    prefix = models.CharField(_("prefix of the subject"), max_length=100, blank=True)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("sent"))

    class Meta:
        verbose_name = _("proof")
        verbose_name_plural = _("proofs")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="proof_number_once")]


class ProofUse(models.Model):
    """How much of the day's limits a proof used up. It stays when the delivery is deleted."""

    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    unit = models.ForeignKey(OrganizationalUnit, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    copies = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["by", "at"], name="proof_use_by"),
            models.Index(fields=["unit", "at"], name="proof_use_unit"),
        ]


class ProofMessage(models.Model):
    """One copy of a proof."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        HANDED = "handed", _("Outcome unknown")
        SENT = "sent", pgettext_lazy("one message", "Sent")
        FAILED = "failed", _("Failed")

    proof = models.ForeignKey(Proof, on_delete=models.CASCADE, related_name="messages")
    address = models.CharField(_("address"), max_length=320)
    values = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    reply = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["id"]
        # Whom a copy went to and whose values fill it is asked for one person at a time.
        indexes = [
            models.Index(Lower("address"), name="proof_message_to"),
            models.Index(Lower(KT("values__email")), name="proof_message_of"),
        ]
