"""Content kept for reuse by a unit and all below it, with the pictures that it shows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User


class ContentTemplate(models.Model):
    """What a content may begin with. Whoever begins with it gets a copy: a later change reaches no delivery."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="templates"
    )
    label = models.CharField(_("label"), max_length=128)
    subject = models.TextField(_("subject"), blank=True, default="")
    preheader = models.TextField(_("preheader"), blank=True, default="")
    html = models.TextField(_("HTML"), blank=True, default="")
    text = models.TextField(_("text part"), blank=True, default="")
    changed_by = models.ForeignKey(
        User,
        verbose_name=_("changed by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    changed_at = models.DateTimeField(_("changed"), editable=False)

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["label", "pk"]
        constraints = [models.UniqueConstraint(fields=["unit", "label"], name="template_once_in_a_unit")]

    def __str__(self) -> str:
        return self.label


class TemplatePicture(models.Model):
    """A picture that came with a template, as `Asset` is one that came with a content."""

    template = models.ForeignKey(ContentTemplate, on_delete=models.CASCADE, related_name="pictures")
    path = models.CharField(_("path in the upload"), max_length=255)
    sha256 = models.CharField(max_length=64, db_index=True)
    media_type = models.CharField(_("type"), max_length=64)
    data = models.BinaryField()

    class Meta:
        verbose_name = _("picture of a template")
        verbose_name_plural = _("pictures of templates")
        constraints = [
            models.UniqueConstraint(fields=["template", "path"], name="picture_once_in_a_template")
        ]

    def __str__(self) -> str:
        return self.path
