"""What came back by mail: each mail as it came, and what it reports of whom."""

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.models import Delivery, Reason
from feedback.models.hits import Clock
from feedback.models.reclassification import Reclassification


class MailKind(models.TextChoices):
    """What a mail that came back is, or what it reports of one recipient."""

    HARD = "hard", _("Hard bounce")
    SOFT = "soft", _("Soft bounce")
    DELAYED = "delayed", _("Delayed")
    COMPLAINT = "complaint", _("Complaint")
    AUTO_REPLY = "auto_reply", _("Automatic reply")
    DELIVERED = "delivered", _("Delivery report")
    NOT_A_BOUNCE = "not_a_bounce", _("Other mail")
    UNREADABLE = "unreadable", _("Unreadable")


# Reasons of what is no failed message; those of one that failed are the ledger's own.
OTHER_REASONS: dict[str, str | Promise] = {
    "abuse": _("Unwanted mail"),
    "fraud": _("Fraud"),
    "virus": _("Virus"),
    "opt_out": _("Wants no more mail"),
    "other": _("Other"),
    "out_of_office": _("Out of office"),
    "left": _("Has left"),
    "challenge": _("Asks to be confirmed"),
    "receipt": _("Receipt"),
    "automatic": _("Automatic"),
    "ordinary": _("Ordinary mail"),
    "read_receipt": _("Read receipt"),
    "dmarc_report": _("DMARC report"),
    "tls_report": _("TLS report"),
    "authentication_failure": _("Authentication failure"),
    "not_spam": _("Not spam"),
}


class IncomingMail(models.Model):
    """One mail as it came, stored once: its content is known by its digest."""

    digest = models.BinaryField(unique=True)
    raw = models.BinaryField()
    # The address of the envelope, where the mail server said so: it need not stand in the mail.
    envelope_to = models.CharField(_("came to"), max_length=320, blank=True, default="")
    received_at = models.DateTimeField(_("received"), db_default=Clock())
    read_at = models.DateTimeField(_("read"), null=True)
    # How often reading began and did not end: a mail that ends its reader is left alone after a few.
    unended = models.SmallIntegerField(default=0, db_default=0)
    kind = models.CharField(_("kind"), max_length=16, choices=MailKind.choices, blank=True, default="")
    # Since when its content is gone by a retention period; what was read from it stays.
    forgotten_at = models.DateTimeField(_("content gone since"), null=True, editable=False)

    class Meta:
        verbose_name = _("incoming mail")
        verbose_name_plural = _("incoming mail")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(read_at=None), name="incoming_unread"),
            models.Index(fields=["received_at"], name="incoming_received"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class Outcome(models.TextChoices):
    """What a report did to its message."""

    PENDING = "pending", _("Not looked at yet")
    WAITS = "waits", _("Waits: its message has no result yet")
    BOUNCED = "bounced", _("Its message bounced")
    CONFIRMED = "confirmed", _("Its message had bounced already")
    MARKED = "marked", _("Complaint noted; its message stays as it is")
    ARRIVED = "arrived", _("Its message is known to have left")
    NOTED = "noted", _("Noted; its message stays as it is")
    STAYS = "stays", _("Its message had ended otherwise and stays as it is")
    SENT_AGAIN = "sent_again", _("Its message was sent again and stays as it is")
    UNSIGNED = "unsigned", _("No message of ours is proven; nothing is changed")
    CONFLICTING = "conflicting", _("It names two messages; nothing is changed")
    PROOF = "proof", _("About a proof; nothing is changed")
    GONE = "gone", _("Its message is gone; nothing is changed")
    OPTED_OUT = "opted_out", _("Its recipient gets no more mail")


class Report(models.Model):
    """What a mail reports of one recipient, the message that it is about, and what came of it."""

    class Evidence(models.TextChoices):
        """By what of ours the message was recognised: each is signed."""

        NONE = "", _("Nothing")
        RETURN_PATH = "return_path", _("Return path")
        HEADER = "header", _("Header in the returned message")
        MESSAGE_ID = "message_id", _("Message-ID")
        UNSUBSCRIBE = "unsubscribe", _("Address to unsubscribe")

    mail = models.ForeignKey(IncomingMail, on_delete=models.PROTECT, related_name="reports")
    number = models.SmallIntegerField()
    # False: the mail was read anew since, and another row says what it reports.
    is_current = models.BooleanField(default=True, db_default=True)
    # The reading anew that found it, and the one that put others in its place.
    run = models.ForeignKey(
        Reclassification, null=True, editable=False, on_delete=models.PROTECT, related_name="reports"
    )
    superseded_by = models.ForeignKey(
        Reclassification, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(_("date"))
    recipient = models.CharField(_("recipient"), max_length=320, blank=True, default="")
    recipient_key = models.CharField(max_length=320, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=16, choices=MailKind.choices)
    reason = models.CharField(_("reason"), max_length=32, blank=True, default="")
    status = models.CharField(_("enhanced code"), max_length=16, blank=True, default="")
    rule = models.CharField(_("rule"), max_length=100, blank=True, default="")
    diagnostic = models.CharField(_("text"), max_length=500, blank=True, default="")
    evidence = models.CharField(
        _("recognised by"), max_length=12, choices=Evidence.choices, blank=True, default=""
    )
    delivery = models.ForeignKey(
        Delivery,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="reports",
    )
    seq = models.IntegerField(null=True)
    # The key of the address that the message was for, once the message was looked at.
    address_key = models.CharField(_("address"), max_length=320, blank=True, default="")
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome.choices, default=Outcome.PENDING)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("report by mail")
        verbose_name_plural = _("reports by mail")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["delivery", "seq"], condition=models.Q(delivery__isnull=False), name="report_message"
            ),
            models.Index(
                fields=["delivery", "outcome"],
                condition=models.Q(outcome__in=["pending", "waits"]),
                name="report_open",
            ),
            models.Index(fields=["address_key"], condition=~models.Q(address_key=""), name="report_address"),
            models.Index(fields=["settled_at"], name="report_settled"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.recipient}"

    @property
    def reason_in_words(self) -> str:
        """Why, in the field's words; what has none as it stands."""
        words: dict[str, str | Promise] = {**OTHER_REASONS, **dict(Reason.choices)}
        return str(words.get(self.reason, self.reason))


class Reply(models.Model):
    """What a person wrote back to a return path: it is forwarded to the *Reply to* of its delivery, and counted."""

    mail = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="reply")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="replies"
    )
    seq = models.IntegerField()
    tries = models.SmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(db_default=Clock())
    forwarded_to = models.CharField(max_length=320, blank=True, default="", db_default="")
    forwarded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        indexes = [
            models.Index(fields=["delivery", "seq"], name="reply_message"),
            models.Index(
                fields=["next_try_at"], condition=models.Q(forwarded_at=None, tries__lt=6), name="reply_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"
