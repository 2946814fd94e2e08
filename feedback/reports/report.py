"""What a mail that came back says, once it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What became of one recipient, or of the mail as a whole."""

    HARD = "hard"
    SOFT = "soft"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    DELIVERED = "delivered"
    NOT_A_BOUNCE = "not_a_bounce"

    @property
    def is_bounce(self) -> bool:
        """Whether the message is lost for the recipient."""
        return self in (Kind.HARD, Kind.SOFT)


class Reason(StrEnum):
    """Why, in the field's words; the first nine are those of a message that failed."""

    USER_UNKNOWN = "user_unknown"
    INVALID_DOMAIN = "invalid_domain"
    ACCOUNT_DISABLED = "account_disabled"
    MAILBOX_FULL = "mailbox_full"
    TOO_LARGE = "too_large"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_SUPPORTED = "not_supported"
    NOT_DEFINED = "not_defined"
    # For policy, reputation or content: it says nothing about the address.
    BLOCKED = "blocked"
    # Of complaints.
    ABUSE = "abuse"
    FRAUD = "fraud"
    VIRUS = "virus"
    OPT_OUT = "opt_out"
    OTHER = "other"
    # Of answers that nobody wrote.
    OUT_OF_OFFICE = "out_of_office"
    LEFT = "left"
    CHALLENGE = "challenge"
    RECEIPT = "receipt"
    AUTOMATIC = "automatic"
    # Of what is no bounce.
    ORDINARY = "ordinary"
    READ_RECEIPT = "read_receipt"
    DMARC_REPORT = "dmarc_report"
    TLS_REPORT = "tls_report"
    AUTHENTICATION_FAILURE = "authentication_failure"
    NOT_SPAM = "not_spam"
    UNREADABLE = "unreadable"
    NONE = ""


@dataclass(frozen=True, slots=True)
class ReportedRecipient:
    """What a mail says of one recipient; `recipient` is empty where it doesn't say of whom."""

    recipient: str
    kind: Kind
    reason: Reason
    # The enhanced code as it stands in the report, or nothing.
    status: str = ""
    # The name of what decided: a rule of the files, or a field of the report.
    rule: str = ""
    # What the server said, in one line.
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A mail that came back. It has at least one recipient, which may be one without an address."""

    kind: Kind
    recipients: tuple[ReportedRecipient, ...]
    # Addresses that the mail came to: a return path with a token may be among them. Nothing is verified.
    envelope_to: tuple[str, ...] = ()
    # Without their angle brackets: what it answers, and what was returned in it.
    message_ids: tuple[str, ...] = ()
    # The returned message's, by their names in lower case.
    returned_headers: Mapping[str, str] = field(default_factory=dict)
    # Whoever would get an answer to it.
    reply_from: str = ""

    @property
    def reason(self) -> Reason:
        """The reason of the first recipient whose kind is that of the whole."""
        return next(one.reason for one in self.recipients if one.kind == self.kind)


# What a mail with several fates is as a whole: the first of these that one of its recipients met.
WEIGHT = (
    Kind.HARD,
    Kind.SOFT,
    Kind.COMPLAINT,
    Kind.DELAYED,
    Kind.DELIVERED,
    Kind.AUTO_REPLY,
    Kind.NOT_A_BOUNCE,
)
