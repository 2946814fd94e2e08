"""How a channel leaves the house: the relay, and what it may be asked for."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

LARGEST_LIMIT = 100_000_000  # messages an hour; more than any relay takes, and far from what an integer holds


class Route(models.Model):
    """A relay. Where `host` is empty it is the one that the environment's RELAY_URL names."""

    class Tls(models.TextChoices):
        NONE = "none", _("None")
        STARTTLS = "starttls", _("STARTTLS")
        IMPLICIT = "implicit", _("Implicit TLS")

    label = models.CharField(_("label"), max_length=64, unique=True)
    is_default = models.BooleanField(_("default"), default=False)
    host = models.CharField(_("host"), max_length=255, blank=True, default="")
    port = models.PositiveIntegerField(_("port"), default=25)
    tls = models.CharField(_("encryption"), max_length=16, choices=Tls.choices, default=Tls.NONE)
    username = models.CharField(_("user name"), max_length=128, blank=True, default="")
    password_variable = models.CharField(
        _("environment variable that holds the password"), max_length=64, blank=True, default=""
    )
    auth_in_clear = models.BooleanField(
        _("password without encryption"),
        default=False,
        db_default=False,
        help_text=_(
            "Only for a network that nobody else can listen to. Never needed for this machine itself."
        ),
    )
    ca_file = models.CharField(
        _("file of trusted certificates"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text=_("Path to PEM certificates that vouch for this relay; empty: those of the system."),
    )
    connections = models.PositiveSmallIntegerField(_("connections of a worker"), default=8)
    messages_per_connection = models.PositiveIntegerField(
        _("messages of a connection"),
        default=0,
        db_default=0,
        help_text=_("After so many a connection is closed and opened anew; 0: as many as there are."),
    )
    return_path_domain = models.CharField(
        _("domain of the return path"),
        max_length=255,
        blank=True,
        default="",
        help_text=_("Bounces come back to this domain; empty: the sender's own."),
    )
    # The private key is never stored here: it is read from the environment or from a file.
    dkim_domain = models.CharField(
        _("domain that signs"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Messages get a DKIM signature of this domain; empty: none. Nothing leaves unsigned then."
        ),
    )
    dkim_selector = models.CharField(_("selector"), max_length=128, blank=True, default="", db_default="")
    dkim_key_variable = models.CharField(
        _("environment variable that holds the private key"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
    )
    dkim_key_file = models.CharField(
        _("or the file that holds it"), max_length=255, blank=True, default="", db_default=""
    )
    limit_per_hour = models.PositiveIntegerField(
        _("messages an hour at most"),
        null=True,
        blank=True,
        help_text=_("Of all deliveries and workers together; empty: as fast as the relay takes them."),
    )
    # The breaker: after answers that speak of us and not of a recipient, nothing leaves until then.
    closed_until = models.DateTimeField(null=True, blank=True, editable=False)
    closed_because = models.CharField(max_length=300, blank=True, default="", editable=False)
    refusals_in_a_row = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["label"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(limit_per_hour=None)
                | models.Q(limit_per_hour__gte=1, limit_per_hour__lte=LARGEST_LIMIT),
                name="route_limit_in_range",
            ),
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="route_one_default"
            ),
            models.CheckConstraint(
                condition=models.Q(dkim_domain="")
                | (
                    ~models.Q(dkim_selector="")
                    & (
                        models.Q(dkim_key_file="") & ~models.Q(dkim_key_variable="")
                        | models.Q(dkim_key_variable="") & ~models.Q(dkim_key_file="")
                    )
                ),
                name="route_signs_with_one_key",
                violation_error_message=_(
                    "To sign, a selector and one place of the private key are needed: a variable or a file."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ProviderLimit(models.Model):
    """How many messages an hour the domains of one mailbox provider get by a route.

    A domain belongs to at most one provider of a route: a trigger refuses a second one.
    """

    route = models.ForeignKey(
        Route, verbose_name=_("route"), on_delete=models.CASCADE, related_name="provider_limits"
    )
    name = models.CharField(_("mailbox provider"), max_length=64)
    domains = ArrayField(models.CharField(max_length=253), verbose_name=_("domains"))
    limit_per_hour = models.PositiveIntegerField(_("messages an hour at most"))

    class Meta:
        verbose_name = _("limit of a mailbox provider")
        verbose_name_plural = _("limits of mailbox providers")
        ordering = ["route", "name"]
        constraints = [
            models.UniqueConstraint(fields=["route", "name"], name="provider_limit_one_of_a_name"),
            models.CheckConstraint(
                condition=models.Q(limit_per_hour__gte=1, limit_per_hour__lte=LARGEST_LIMIT),
                name="provider_limit_in_range",
            ),
            models.CheckConstraint(
                condition=models.Q(domains__len__gte=1), name="provider_limit_has_a_domain"
            ),
        ]

    def __str__(self) -> str:
        return self.name
