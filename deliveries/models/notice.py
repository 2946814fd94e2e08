"""What a person is told without looking: in the app, and by mail."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.models.delivery import Delivery


class NoticeKind(models.TextChoices):
    WAITS = "waits", _("Waiting for confirmation")
    REMINDER = "reminder", _("Reminder: still waiting for confirmation")
    EXPIRED = "expired", _("Expired: nobody confirmed it in time")
    SKIPPED = "skipped", _("A run was left out")
    FAILED = "failed", _("A run could not be prepared")
    ENDED = "ended", _("The series has ended")


class Notice(models.Model):
    """One person is told one thing about one delivery, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(_("what"), max_length=16, choices=NoticeKind.choices)
    text = models.CharField(_("text"), max_length=300, blank=True, default="")
    at = models.DateTimeField(_("at"))
    seen_at = models.DateTimeField(_("seen"), null=True)
    mailed_at = models.DateTimeField(_("mailed"), null=True)
    mail_after = models.DateTimeField(null=True)  # of one that could not be mailed: not tried before
    mail_tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user"], condition=models.Q(seen_at=None), name="notice_unseen"),
            models.Index(fields=["id"], condition=models.Q(mailed_at=None), name="notice_unmailed"),
        ]
