"""The pictures of a unit, for all that it sends: served by their fingerprint, and found by what they show."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from deliveries.models.content import Content
from deliveries.models.template import ContentTemplate


class Picture(models.Model):
    """A picture of a unit and of all below it."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="pictures"
    )
    name = models.CharField(_("name"), max_length=128)
    alt = models.CharField(_("alternative text"), max_length=300, blank=True, default="")
    sha256 = models.CharField(max_length=64, db_index=True, editable=False)
    media_type = models.CharField(_("type"), max_length=64, editable=False)
    width = models.PositiveIntegerField(_("width"), editable=False)
    height = models.PositiveIntegerField(_("height"), editable=False)
    size = models.PositiveIntegerField(_("weight"), editable=False, help_text=_("In octets."))
    data = models.BinaryField()
    added_by = models.ForeignKey(
        User,
        verbose_name=_("added by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    added_at = models.DateTimeField(_("added"), editable=False)

    class Meta:
        verbose_name = _("picture of a unit")
        verbose_name_plural = _("pictures of units")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["unit", "sha256"], name="picture_once_in_a_unit")]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """Where anybody can fetch it: what a content says to show it."""
        return f"{settings.PUBLIC_URL}{self.path}"

    @property
    def path(self) -> str:
        """The same on this host, for pages of ours, which show nothing from elsewhere."""
        return f"/i/{self.sha256}.{self.media_type.rpartition('/')[2]}"


class PictureUse(models.Model):
    """A version of a content, or a template, that shows a picture served by us."""

    sha256 = models.CharField(max_length=64, db_index=True)
    content = models.ForeignKey(Content, null=True, on_delete=models.CASCADE, related_name="picture_uses")
    template = models.ForeignKey(
        ContentTemplate, null=True, on_delete=models.CASCADE, related_name="picture_uses"
    )

    class Meta:
        verbose_name = _("use of a picture")
        verbose_name_plural = _("uses of pictures")

    def __str__(self) -> str:
        return self.sha256
