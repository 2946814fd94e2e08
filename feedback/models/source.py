"""Where mail that comes back is fetched from, beside the pipe of a mail server."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class MailSource(models.Model):
    """A folder of this machine or a mailbox behind IMAP. Its password is never stored: a variable holds it."""

    class Kind(models.TextChoices):
        MAILDIR = "maildir", _("Maildir folder")
        MBOX = "mbox", _("mbox file")
        IMAP = "imap", "IMAP"

    class Tls(models.TextChoices):
        TLS = "tls", _("from the first octet (993)")
        STARTTLS = "starttls", _("STARTTLS (143)")
        NONE = "none", _("none: for this machine only")

    label = models.CharField(_("label"), max_length=64, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    is_active = models.BooleanField(_("mail is fetched"), default=True)
    removes = models.BooleanField(
        _("remove what is stored"),
        default=False,
        help_text=_("Otherwise it stays there, marked as seen. Either happens only once it is stored here."),
    )
    path = models.CharField(
        _("folder or file"),
        max_length=500,
        blank=True,
        default="",
        help_text=_("Below one of the folders of SINETE_MAIL_FOLDERS, where the workers run."),
    )
    host = models.CharField(_("host"), max_length=255, blank=True, default="")
    port = models.PositiveIntegerField(
        _("port"), default=993, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    tls = models.CharField(_("encryption"), max_length=8, choices=Tls.choices, default=Tls.TLS)
    username = models.CharField(_("user name"), max_length=255, blank=True, default="")
    password_variable = models.CharField(
        _("environment variable that holds the password"), max_length=128, blank=True, default=""
    )
    mailbox = models.CharField(_("mailbox"), max_length=255, blank=True, default="INBOX")
    # How the last look went.
    looked_at = models.DateTimeField(_("looked at"), null=True, editable=False)
    reached_at = models.DateTimeField(_("reached"), null=True, editable=False)
    problem = models.CharField(_("problem"), max_length=300, blank=True, default="", editable=False)
    # Of an mbox file that is kept: how it was when all of it had been stored.
    seen = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("mail source")
        verbose_name_plural = _("mail sources")
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label
