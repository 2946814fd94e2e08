"""Who takes mail for a domain, as DNS said when it was last asked."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class MailExchange(models.Model):
    """The mail servers (MX hosts) of a domain that people have addresses at, and the provider that they belong to."""

    class Outcome(models.TextChoices):
        UNKNOWN = "unknown", _("not asked yet")
        FOUND = "found", _("found")
        NOTHING = "nothing", _("no such record")
        REFUSES = "refuses", _("takes no mail")
        NO_DOMAIN = "no_domain", _("no such domain")

    domain = models.CharField(_("domain"), max_length=253, unique=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, default=Outcome.UNKNOWN)
    # In the order in which a sender must try them.
    hosts = ArrayField(models.CharField(max_length=253), verbose_name=_("MX hosts"), default=list, blank=True)
    # The registered domain of the first; empty where there is none.
    provider = models.CharField(_("provider"), max_length=253, blank=True, default="")
    answered_at = models.DateTimeField(_("answered at"), null=True)
    tried_at = models.DateTimeField(_("asked at"), null=True)
    problem = models.CharField(_("problem of the last try"), max_length=200, blank=True, default="")
    wanted_at = models.DateTimeField(_("last wanted at"))

    class Meta:
        verbose_name = _("mail exchange")
        verbose_name_plural = _("mail exchanges")
        ordering = ["domain"]
        indexes = [
            models.Index(fields=["tried_at"], name="mailexchange_tried_at"),
            models.Index(fields=["provider"], name="mailexchange_provider"),
        ]

    def __str__(self) -> str:
        return self.domain


class ProviderRevision(models.Model):
    """One row: how often a domain came to another provider. What was counted by provider holds as long as it stays."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.number)
