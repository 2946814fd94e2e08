"""What somebody is writing and has not saved: beside the versions, and never one of them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models.content import PARTS
from deliveries.models.delivery import Delivery


class ContentDraft(models.Model):
    """One person's words on one delivery, of one page on which they wrote; each page has a key of its own."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="drafts")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=32)
    base = models.PositiveIntegerField(_("begun on version"), default=0)
    subject = models.TextField(blank=True, default="")
    preheader = models.TextField(blank=True, default="")
    from_name = models.TextField(blank=True, default="")
    from_address = models.TextField(blank=True, default="")
    reply_to = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    kept_at = models.DateTimeField()

    class Meta:
        verbose_name = _("draft of a content")
        verbose_name_plural = _("drafts of contents")
        constraints = [
            models.UniqueConstraint(fields=["delivery", "person", "key"], name="draft_once_of_a_page")
        ]
        indexes = [models.Index(fields=["kept_at"], name="drafts_by_age")]

    def __str__(self) -> str:
        return self.subject

    @property
    def parts(self) -> dict[str, str]:
        return {part: getattr(self, part) for part in PARTS}
