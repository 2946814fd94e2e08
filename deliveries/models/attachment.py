"""Files that go along with every message of a delivery."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from deliveries.models.delivery import Delivery

LONGEST_NAME = 150


class Attachment(models.Model):
    """One file, as it was uploaded. Its octets never change; another file of the name takes its place."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(_("file name"), max_length=LONGEST_NAME)
    media_type = models.CharField(_("type"), max_length=127)
    size = models.PositiveIntegerField(_("size"))  # octets
    sha256 = models.CharField(max_length=64)
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["delivery", "id"]
        constraints = [models.UniqueConstraint(fields=["delivery", "name"], name="attachment_name_once")]

    def __str__(self) -> str:
        return self.name
