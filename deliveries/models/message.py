"""The ledger: one row for every recipient before the first message leaves.

Lists of these rows are read in key order. No index mentions a status: an update of it then stays on its
page (HOT), which the fill factor leaves room for. Rare states live in small tables beside the ledger.
Address, values and seq can't be updated once written: a trigger refuses. Another one keeps each chunk's tallies
from what its rows become, and refuses a step that the ledger does not know (`ledger/steps.py`).
"""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audiences.tracking import Tracked
from campaign.lib.displays import QuickDisplays
from deliveries.models.delivery import Delivery


class MessageStatus(models.IntegerChoices):
    PREPARED = 0, _("Prepared")
    SENT = 1, pgettext_lazy("one message", "Sent")
    FAILED = 2, _("Failed")
    RETRYING = 3, _("Retrying")
    IN_DOUBT = 4, _("Outcome unknown")
    IGNORED = 5, _("Not sent: opted out after preparation")
    CANCELLED = 6, _("Cancelled")
    BOUNCED = 7, pgettext_lazy("one message", "Bounced")
    ERASED = 8, _("Not sent: erased")


# A chunk counts its rows by these names; what it does not count is prepared.
TALLIES = tuple(status.name.lower() for status in MessageStatus if status != MessageStatus.PREPARED)
# Of these, the ones that need nothing more from a worker.
OUTCOMES = tuple(name for name in TALLIES if name != "retrying")
# Counted beside these, in SQL of a message `m`: of the failed those that no server was asked about, and of the sent
# those that left without a picture that tells of an open, or without tracked links.
ASIDE = {
    "unsent": f"m.status = {MessageStatus.FAILED:d} AND m.tries = 0",
    "opens_untracked": f"m.status = {MessageStatus.SENT:d} AND m.tracked & {Tracked.OPENS:d} = 0",
    "clicks_untracked": f"m.status = {MessageStatus.SENT:d} AND m.tracked & {Tracked.CLICKS:d} = 0",
}
# In SQL, of a chunk: rows about which a server was asked and said no, then or later; and all that it answered for.
REFUSED_ROWS = "(failed - unsent + bounced)"
ANSWERED_ROWS = "(sent + failed - unsent + bounced)"


class Nature(models.TextChoices):
    """How bad a failure is for the address."""

    NONE = "", _("Not defined")
    HARD = "hard", _("Hard")
    SOFT = "soft", _("Soft")
    IGNORED = "ignored", _("Ignored")


class Reason(models.TextChoices):
    """Why a message failed, in the field's words."""

    NONE = "", ""
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
    CONTENT = "content", _("Content could not be filled in")
    EXPIRED = "expired", _("Validity period over")
    OPTED_OUT = "opted_out", _("Opted out")
    QUARANTINED = "quarantined", _("Quarantined address")
    CONSENT_UNCLEAR = "consent_unclear", _("Consent unclear")


class Message(QuickDisplays, models.Model):
    """One recipient's row."""

    pk = models.CompositePrimaryKey("delivery_id", "seq")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="messages"
    )
    seq = models.IntegerField()
    profile_id = models.BigIntegerField()
    address = models.CharField(_("address"), max_length=320)
    address_key = models.CharField(max_length=320)
    values = models.JSONField(default=dict)
    status = models.SmallIntegerField(
        _("status"), choices=MessageStatus.choices, default=MessageStatus.PREPARED, db_default=0
    )
    tries = models.SmallIntegerField(_("tries"), default=0, db_default=0)
    at = models.DateTimeField(_("date"), null=True)
    code = models.SmallIntegerField(null=True)
    nature = models.CharField(_("nature"), max_length=8, choices=Nature.choices, default="", db_default="")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, default="", db_default="")
    reply = models.CharField(_("answer of the server"), max_length=300, default="", db_default="")
    # What of it may be measured (`Tracked`): as it was sealed, and less if the person refused before it left. Nothing
    # is added to it, which a trigger sees to.
    tracked = models.SmallIntegerField(_("tracking"), default=Tracked.ALL, db_default=3)
    delivered_at = models.DateTimeField(null=True)
    # The chunk's digest is over the rows' own, and each is over its salt and what was sealed. So one person can be
    # erased without breaking a seal: the row's own digest is kept in its place, and tells nothing without the salt.
    # PostgreSQL lets nobody empty a row but `deliveries_empty_rows` (migration `erasure`).
    salt = models.BinaryField(null=True)
    digest = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("sending log")
        indexes = [models.Index(fields=["profile_id"], name="message_profile")]


class Chunk(models.Model):
    """A run of consecutive messages, leased to one worker at a time.

    `handed_upto` is the last seq handed over in the first pass: nothing at or below it is handed over
    again but by a Try. It moves for nothing else: rows above it that expired or that an adopted copy left open
    stay above it, and `done` keeps everybody from claiming the chunk. The tallies count the outcomes of
    its rows: PostgreSQL keeps them, in the statement that changes a row, and derives `done` from them. Nobody else
    writes to either but a recount. Pages read chunks, never messages.
    """

    pk = models.CompositePrimaryKey("delivery_id", "number")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="chunks"
    )
    number = models.IntegerField()
    seq_from = models.IntegerField()
    seq_to = models.IntegerField()
    not_before = models.DateTimeField(null=True)
    # The moment of the sending plan whose rows these are; null where all may leave at the same time.
    moment = models.IntegerField(null=True)
    digest = models.BinaryField()
    token = models.BigIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    lease_by = models.CharField(max_length=100, default="", db_default="")
    handed_upto = models.IntegerField()
    sent = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    # Of the failed, those about which no server was ever asked: their tries are 0.
    unsent = models.IntegerField(default=0, db_default=0)
    # Of the sent, those that left without a picture that tells of an open, and without tracked links.
    opens_untracked = models.IntegerField(default=0, db_default=0)
    clicks_untracked = models.IntegerField(default=0, db_default=0)
    retrying = models.IntegerField(default=0, db_default=0)
    in_doubt = models.IntegerField(default=0, db_default=0)
    ignored = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    bounced = models.IntegerField(default=0, db_default=0)
    erased = models.IntegerField(default=0, db_default=0)
    # What the rows add up to since somebody was erased whose row had no salt; the sealed digest stays beside it.
    redacted = models.BinaryField(null=True)
    # Every row has left the first pass, and nobody holds the chunk.
    done = models.GeneratedField(
        expression=models.Q(  # type: ignore[arg-type]  # which Django takes; its stubs don't know
            lease_until=None, seq_to=sum((models.F(name) for name in TALLIES), models.F("seq_from") - 1)
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        # What is open, and what of it somebody has or had in hand, is asked every second. No exchange writes to
        # these: a lease or a mark in a condition would cost each of them its place on the page (HOT).
        # And in whose chunk a later try stands, for each of them.
        indexes = [
            models.Index(
                fields=["delivery", "moment"], condition=models.Q(done=False), name="chunk_open_moment"
            ),
            models.Index(
                fields=["delivery"], condition=models.Q(done=False, token__gt=0), name="chunk_taken"
            ),
            models.Index(fields=["delivery", "seq_to"], name="chunk_rows"),
        ]


class Try(models.Model):
    """A later attempt at one message. `handed` is committed before its bytes; gone with its result."""

    pk = models.CompositePrimaryKey("delivery_id", "seq")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="later_tries"
    )
    seq = models.IntegerField()
    due_at = models.DateTimeField(_("next try"))
    tries = models.SmallIntegerField(_("tries so far"))
    token = models.BigIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(null=True)
    # The lane that has it in hand: after a commit whose answer was lost it finds its tries by this.
    lease_by = models.CharField(max_length=100, default="", db_default="")
    handed = models.BooleanField(default=False, db_default=False)
    # Since when the outcome of an earlier hand-over is unknown, where a person had it sent again: ended
    # before it left once more, the row is what it was, in doubt, and neither failed nor cancelled.
    doubted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("later try")
        verbose_name_plural = _("later tries")
        indexes = [
            models.Index(fields=["delivery", "due_at"], name="try_due"),
            models.Index(fields=["delivery", "seq"], condition=models.Q(handed=True), name="try_handed"),
        ]


class Doubt(models.Model):
    """A message whose outcome nobody can know: held, and resolved by evidence or by a person."""

    pk = models.CompositePrimaryKey("delivery_id", "seq")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="doubts"
    )
    seq = models.IntegerField()
    since = models.DateTimeField(_("since"))
    # Which hand-over it was: the lease it happened under, and how many tries came before. A result that
    # arrives late under the same two resolves it; nothing else from a worker does.
    token = models.BigIntegerField()
    tries = models.SmallIntegerField(default=0)
    later_try = models.BooleanField(default=False, db_default=False)
    note = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        verbose_name = _("message with unknown outcome")
        verbose_name_plural = _("messages with unknown outcome")


class SentAgain(models.Model):
    """A message that a person had sent again while the outcome of its hand-over was unknown.

    It stays whatever becomes of the second: a *failed* beside it does not say that the first never arrived.
    """

    pk = models.CompositePrimaryKey("delivery_id", "seq")
    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="sent_again"
    )
    seq = models.IntegerField()
    since = models.DateTimeField(_("outcome of the first unknown since"))

    class Meta:
        verbose_name = _("message that was sent again")
        verbose_name_plural = _("messages that were sent again")
