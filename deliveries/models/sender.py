"""Who may send in a unit's name, and what DNS says of their domains."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from deliveries.models.route import Route


class Sender(models.Model):
    """An address, or all addresses of a domain, that deliveries of a unit and of all below it come from."""

    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.CASCADE, related_name="senders"
    )
    address = models.CharField(_("address or domain"), max_length=320)
    name = models.CharField(_("sender's name"), max_length=200, blank=True, default="")
    reply_to = models.CharField(_("reply to"), max_length=320, blank=True, default="")
    route = models.ForeignKey(
        Route,
        verbose_name=_("route"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("By which a delivery leaves that chooses this sender; empty: as the delivery says."),
    )
    created_by = models.ForeignKey(
        User,
        verbose_name=_("entered by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(_("entered at"), auto_now_add=True)

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        ordering = ["unit", "address"]
        constraints = [models.UniqueConstraint(fields=["unit", "address"], name="sender_once_in_a_unit")]

    def __str__(self) -> str:
        return self.address

    @property
    def is_address(self) -> bool:
        """Whether it is one address, and not a domain with all of them."""
        return "@" in self.address

    @property
    def in_full(self) -> str:
        """The sender as letters show it: Serra Alta <news@example.com>."""
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class DnsAnswer(models.Model):
    """What DNS said when it was last asked for the TXT records of a name."""

    class Outcome(models.TextChoices):
        UNKNOWN = "unknown", _("not asked yet")
        FOUND = "found", _("found")
        NOTHING = "nothing", _("no such record")
        NO_DOMAIN = "no_domain", _("no such domain")

    name = models.CharField(_("name"), max_length=253, unique=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, default=Outcome.UNKNOWN)
    texts = ArrayField(models.TextField(), verbose_name=_("records"), default=list, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True)
    tried_at = models.DateTimeField(_("asked at"), null=True)
    problem = models.CharField(_("problem of the last try"), max_length=200, blank=True, default="")
    wanted_at = models.DateTimeField(_("last wanted at"))

    class Meta:
        verbose_name = _("DNS answer")
        verbose_name_plural = _("DNS answers")
        ordering = ["name"]
        indexes = [models.Index(fields=["tried_at"], name="dnsanswer_tried_at")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_known(self) -> bool:
        return self.outcome != self.Outcome.UNKNOWN
