"""Addresses that must not be used, whoever they belong to."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ErrorReason(models.TextChoices):
    """Why an address is counted against or held, in the words that the sending log has for a failure."""

    USER_UNKNOWN = "user_unknown", _("User unknown")
    INVALID_DOMAIN = "invalid_domain", _("Invalid domain")
    UNREACHABLE = "unreachable", _("Unreachable")
    ACCOUNT_DISABLED = "account_disabled", _("Account disabled")
    MAILBOX_FULL = "mailbox_full", _("Mailbox full")
    REFUSED = "refused", _("Refused")
    BLOCKED = "blocked", _("Blocked")
    TOO_LARGE = "too_large", _("Message too large")
    NOT_DEFINED = "not_defined", _("Not defined")
    NOT_SUPPORTED = "not_supported", _("Address not supported by the relay")
    COMPLAINT = "complaint", _("Complaint")
    BY_HAND = "by_hand", _("Held by a person")
    SUPPRESSED = "suppressed", _("On a suppression list")
    IMPORT = "import", _("Import")


class Quarantine(models.Model):
    """What is known against one address. Compared by `address_key`, so letter case does not matter."""

    class Status(models.TextChoices):
        VALID = "valid", _("Valid")
        ERRONEOUS = "erroneous", _("Erroneous")
        QUARANTINE = "quarantine", _("Quarantine")
        DENYLIST = "denylist", _("On denylist")

    HELD = (Status.QUARANTINE, Status.DENYLIST)  # nothing is sent there

    channel = models.CharField(_("channel"), max_length=16, default="email")
    address_key = models.CharField(_("address"), max_length=320)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices)
    reason = models.CharField(_("reason"), max_length=32, choices=ErrorReason.choices, blank=True, default="")
    error_text = models.CharField(_("error text"), max_length=500, blank=True, default="")
    errors = models.PositiveIntegerField(_("errors"), default=0)
    last_error_at = models.DateTimeField(_("last error"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=128, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Whether its errors alone say how it stands: what a person, a list or a relay's answer says is not counted anew.
    is_counted = models.BooleanField(default=False, db_default=False)
    # Errors up to here are forgotten: the address was released.
    forgiven_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("quarantined address")
        verbose_name_plural = _("quarantine")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["channel", "address_key"], name="quarantine_once")]

    def __str__(self) -> str:
        return self.address_key

    @property
    def is_held(self) -> bool:
        return self.status in self.HELD

    @property
    def audit_label(self) -> str:
        """How the audit trail names it: by id alone."""
        return f"#{self.pk}"


class AddressError(models.Model):
    """One thing that came back against an address. From all of them it is counted how the address stands."""

    class Nature(models.TextChoices):
        HARD = "hard", _("Hard")
        SOFT = "soft", _("Soft")
        COMPLAINT = "complaint", _("Complaint")

    channel = models.CharField(_("channel"), max_length=16, default="email")
    address_key = models.CharField(_("address"), max_length=320)
    at = models.DateTimeField(_("date"))
    nature = models.CharField(_("nature"), max_length=12, choices=Nature.choices)
    reason = models.CharField(_("reason"), max_length=32, choices=ErrorReason.choices, blank=True, default="")
    text = models.CharField(_("error text"), max_length=500, blank=True, default="")
    # What it was reported by: the same thing counts once, however often it is said.
    reference = models.CharField(_("reference"), max_length=128)
    # The message that reached the address after this error, so that it is forgotten; empty while it counts.
    forgiven_by = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)

    class Meta:
        verbose_name = _("error of an address")
        verbose_name_plural = _("errors of addresses")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["reference", "address_key", "channel"], name="address_error_once")
        ]
        indexes = [models.Index(fields=["channel", "address_key"], name="address_error_of")]

    def __str__(self) -> str:
        return f"{self.address_key}: {self.get_nature_display()}"


class Suppression(models.Model):
    """A domain, or the hash of an address, that is never written to, whoever may come in with it.

    A keyed hash is of somebody who was erased: who has such an address does not come in at all.

    Addresses themselves stand in the quarantine; one that is found to belong to these is put there too.
    """

    class Kind(models.TextChoices):
        DOMAIN = "domain", _("Domain")
        MD5 = "md5", "MD5"
        SHA1 = "sha1", "SHA-1"
        SHA256 = "sha256", "SHA-256"
        KEYED = "keyed", _("Erased person")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    value = models.CharField(_("value"), max_length=255)
    reference = models.CharField(_("reference"), max_length=128, blank=True, default="")
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["value", "kind"], name="suppression_once")]

    def __str__(self) -> str:
        return self.value
