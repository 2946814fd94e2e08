"""What a delivery says. A version never changes: an edit adds the next one."""

import hashlib
import json

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models.delivery import Delivery

PARTS = ("subject", "preheader", "from_name", "from_address", "reply_to", "html", "text")


class Content(models.Model):
    """One version of a delivery's content."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="contents")
    number = models.PositiveIntegerField(_("version"))
    subject = models.TextField(_("subject"), blank=True, default="")
    preheader = models.TextField(_("preheader"), blank=True, default="")
    from_name = models.CharField(_("sender's name"), max_length=200, blank=True, default="")
    from_address = models.CharField(_("sender's address"), max_length=320, blank=True, default="")
    reply_to = models.CharField(_("reply to"), max_length=320, blank=True, default="")
    html = models.TextField(_("HTML"), blank=True, default="")
    text = models.TextField(_("text part"), blank=True, default="")
    author = models.ForeignKey(User, verbose_name=_("written by"), null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("content version")
        verbose_name_plural = _("content versions")
        ordering = ["delivery", "-number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="content_version_once")]

    def __str__(self) -> str:
        return self.subject

    @property
    def digest(self) -> str:
        """SHA-256 over all that it says."""
        parts = {part: getattr(self, part) for part in PARTS}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Asset(models.Model):
    """A picture of a content, served by us under its own fingerprint."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="assets")
    path = models.CharField(_("path in the upload"), max_length=255)
    sha256 = models.CharField(max_length=64, db_index=True)
    media_type = models.CharField(_("type"), max_length=64)
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        constraints = [models.UniqueConstraint(fields=["delivery", "path"], name="asset_path_once")]

    def __str__(self) -> str:
        return self.path
