"""Who was erased: by number alone, so that nothing here says who it was."""

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User


class Erasure(models.Model):
    """A person's data is gone, or goes as soon as nothing needs it any more. Its number is their pseudonym."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="+"
    )
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(_("at"))
    # What the request is known by where it came in, such as the number of a ticket.
    reference = models.CharField(_("reference"), max_length=128, blank=True, default="")
    # Place -> how many rows went or were emptied; and how many messages still wait, by why.
    gone = models.JSONField(_("erased"), default=dict)
    waits = models.JSONField(_("waits"), default=dict)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # Until then what comes back late, such as a bounce, is looked for and erased too.
    watched_until = models.DateTimeField(_("looked after until"))

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-id"]
        indexes = [models.Index(fields=["watched_until"], name="erasure_watched")]

    def __str__(self) -> str:
        return _t("Erasure %(number)s") % {"number": self.pk}


class ErasedProfile(models.Model):
    """The id of a profile that is gone: its messages name it, and none of them leaves any more."""

    profile_id = models.BigIntegerField(primary_key=True)
    erasure = models.ForeignKey(Erasure, on_delete=models.PROTECT, related_name="profiles")
    # Messages to it that were gone before, as delivery and number: what still comes back about these is theirs too.
    messages_gone = models.JSONField(null=True, editable=False)

    class Meta:
        verbose_name = _("erased profile")
        verbose_name_plural = _("erased profiles")

    def __str__(self) -> str:
        return f"#{self.profile_id}"
