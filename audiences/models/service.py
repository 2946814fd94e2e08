"""What people subscribe to, in which words they are asked, who is subscribed, and sign-ups that wait for their mail."""

import secrets
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User
from audiences.models.profile import ConsentEvent, Profile

MOST_TRIES = 6  # of a mail


def public_key() -> str:
    """Sixteen random characters, by which the address of a form names its service."""
    return secrets.token_urlsafe(12)


def mail_key() -> int:
    """63 random bits, by which the link of a mail names what it confirms."""
    return secrets.randbits(63) or 1


class Service(models.Model):
    """Something that people can subscribe to, such as a newsletter."""

    key = models.CharField(max_length=16, unique=True, editable=False, default=public_key)
    label = models.CharField(_("label"), max_length=128)
    public_name = models.CharField(
        _("name that readers see"), max_length=128, help_text=_("On the form, in mails and on their pages.")
    )
    unit = models.ForeignKey(
        OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT, related_name="services"
    )
    double_opt_in = models.BooleanField(
        _("double opt-in"),
        default=True,
        help_text=_("Whoever signs up gets a mail, and is subscribed once they confirm by its link."),
    )
    is_open = models.BooleanField(_("takes sign-ups"), default=True)
    # The words that are in force: of all its texts the one that somebody activated last.
    text = models.ForeignKey(
        "audiences.ServiceText", null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["label", "id"]
        constraints = [models.UniqueConstraint(fields=["unit", "label"], name="service_label_once_in_a_unit")]

    def __str__(self) -> str:
        return self.label

    @property
    def takes_sign_ups(self) -> bool:
        """Whether its form is there: it is open, and its words are in force."""
        return self.is_open and self.text_id is not None


class ServiceText(models.Model):
    """A version of the words by which people are asked; a version never changes."""

    service = models.ForeignKey(
        Service, verbose_name=_("service"), on_delete=models.PROTECT, related_name="texts"
    )
    number = models.PositiveIntegerField(_("version"))
    # Language -> what is agreed to on the form, subject and body of the mail that asks to confirm.
    words: Any = models.JSONField(_("words"))
    seal = models.CharField(_("seal"), max_length=64)
    author = models.ForeignKey(
        User, verbose_name=_("author"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("written"))
    activated_by = models.ForeignKey(
        User, verbose_name=_("activated by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    activated_at = models.DateTimeField(_("activated"), null=True)

    class Meta:
        verbose_name = _("text of a service")
        verbose_name_plural = _("texts of services")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["service", "number"], name="service_text_once")]

    def __str__(self) -> str:
        return f"{self.service} {self.number}"


class Subscription(models.Model):
    """Whether a profile is subscribed to a service: one row for both, which ends and may begin anew."""

    service = models.ForeignKey(
        Service,
        verbose_name=_("service"),
        on_delete=models.PROTECT,
        related_name="subscriptions",
        db_index=False,  # the constraint's index serves
    )
    profile = models.ForeignKey(
        Profile, verbose_name=_("profile"), on_delete=models.CASCADE, related_name="subscriptions"
    )
    subscribed_at = models.DateTimeField(_("subscribed"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    # Whether welcome mails are for it: the person came by themselves, or whoever brought them said so.
    is_welcomed = models.BooleanField(_("gets welcome mails"), default=False, db_default=False)
    # By a mail to the address: it stands against whatever the person said before, of this service alone.
    is_confirmed = models.BooleanField(_("confirmed by mail"), default=False, db_default=False)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["service", "profile"], name="subscription_once")]

    def __str__(self) -> str:
        return f"{self.service}: {self.profile}"


class SignUp(models.Model):
    """Somebody asked for mail to an address: whoever reads the mail that goes there confirms it, or does not."""

    key = models.BigIntegerField(unique=True, editable=False, default=mail_key)
    # What it is for: a service, or without one that mail in general is taken again.
    service = models.ForeignKey(
        Service, verbose_name=_("service"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Or that these purposes may be measured, by their codes with commas.
    tracking = models.CharField(_("may be measured"), max_length=32, default="", db_default="")
    # Who opted out and takes it back, or whom the confirmation subscribed.
    profile = models.ForeignKey(
        Profile, verbose_name=_("profile"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    text = models.ForeignKey(
        ServiceText, verbose_name=_("text"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    address = models.CharField(_("address"), max_length=320)
    address_key = models.CharField(max_length=320)
    mailbox = models.CharField(
        max_length=320, default="", db_default="", editable=False
    )  # one mail a day goes there
    language = models.CharField(_("language"), max_length=16)
    network = models.CharField(_("network"), max_length=64)
    at = models.DateTimeField(_("at"))
    mail_after = models.DateTimeField(_("mail leaves after"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    mailed_at = models.DateTimeField(_("mailed"), null=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)

    class Meta:
        verbose_name = _("sign-up")
        verbose_name_plural = _("sign-ups")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["mail_after"],
                condition=models.Q(mailed_at=None, tries__lt=MOST_TRIES),
                name="sign_up_due",
            ),
            models.Index(fields=["address_key", "at"], name="sign_up_of_an_address"),
            models.Index(fields=["mailbox", "mail_after"], name="sign_up_of_a_mailbox"),
        ]

    def __str__(self) -> str:
        return f"{self.service or self.profile}: {self.address}"


class AddressOptOut(models.Model):
    """An address that is not written to on a channel, whoever has it now or comes in with it later."""

    channel = models.CharField(_("channel"), max_length=16, choices=ConsentEvent.Channel.choices)
    address_key = models.CharField(_("address"), max_length=320)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("opted-out address")
        verbose_name_plural = _("opted-out addresses")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["address_key", "channel"], name="address_opt_out_once")
        ]

    def __str__(self) -> str:
        return self.address_key

    @property
    def audit_label(self) -> str:
        """How the audit trail names it: by id alone."""
        return f"#{self.pk}"
