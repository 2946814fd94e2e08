"""What a mail that came back says, read from its octets alone: delivery status notifications of RFC 3464."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

MOST_RECIPIENTS = 100
MOST_HEADERS = 100
LONGEST = 1_000
KINDS = {"delayed": "delayed", "delivered": "delivered", "relayed": "delivered", "expanded": "delivered"}
GONE_FOR_GOOD = {"5.1.1": "user_unknown", "5.1.2": "invalid_domain", "5.1.10": "user_unknown"}
REASONS = {"5.2.2": "mailbox_full", "4.2.2": "mailbox_full", "5.3.4": "too_large", "5.2.3": "too_large"}


@dataclass(frozen=True)
class ReportedRecipient:
    """What is reported of one recipient."""

    recipient: str
    kind: str
    reason: str = ""
    status: str = ""
    rule: str = ""
    diagnostic: str = ""


@dataclass(frozen=True)
class Report:
    """What one mail is, whom it speaks of, and what in it may name a message of ours; nothing is verified."""

    kind: str
    recipients: tuple[ReportedRecipient, ...] = ()
    envelope_to: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    returned_headers: Mapping[str, str] = field(default_factory=dict)
    reply_from: str = ""


def read(raw: bytes) -> Report:
    """Return what the mail reports; one that is no delivery status notification is not_a_bounce."""
    mail = message_from_bytes(raw)
    parts = list(mail.walk())
    returned = next((part for part in parts if part.get_content_type() in _RETURNED), None)
    headers = _headers(returned) if returned is not None else {}
    recipients = tuple(
        found
        for part in parts
        if part.get_content_type() == "message/delivery-status" and part.is_multipart()
        for group in _groups(part)
        if (found := _recipient(group)) is not None
    )
    kinds = {found.kind for found in recipients}
    return Report(
        kind=next(
            (kind for kind in ("hard", "soft", "delayed", "delivered") if kind in kinds), "not_a_bounce"
        ),
        recipients=recipients,
        envelope_to=tuple(
            str(value)[:LONGEST]
            for name in ("Delivered-To", "X-Original-To", "To")
            for value in mail.get_all(name, [])
        ),
        message_ids=tuple(value for name, value in headers.items() if name.lower() == "message-id"),
        returned_headers=headers,
        reply_from=str(mail.get("From", ""))[:LONGEST],
    )


def _groups(part: Message) -> list[Message]:
    """The fields of each recipient, behind those of the whole message."""
    payload = part.get_payload()
    groups = payload[1 : MOST_RECIPIENTS + 1] if isinstance(payload, list) else []
    return [group for group in groups if isinstance(group, Message)]


_RETURNED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}


def _headers(part: Message) -> dict[str, str]:
    payload = part.get_payload()
    first = payload[0] if isinstance(payload, list) and payload else None
    inner = first if isinstance(first, Message) else message_from_bytes(_octets(part))
    return {name: str(value)[:LONGEST] for name, value in list(inner.items())[:MOST_HEADERS]}


def _octets(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _recipient(group: Message) -> ReportedRecipient | None:
    action = str(group.get("Action", "")).strip().lower()
    address = str(group.get("Original-Recipient") or group.get("Final-Recipient") or "")
    if not action or not address:
        return None
    status = str(group.get("Status", "")).strip().split(" ")[0][:16]
    kind = KINDS.get(action) or ("hard" if status in GONE_FOR_GOOD else "soft")
    return ReportedRecipient(
        recipient=address.rpartition(";")[2].strip()[:LONGEST],
        kind=kind,
        reason=GONE_FOR_GOOD.get(status) or REASONS.get(status, "not_defined")
        if kind in {"hard", "soft"}
        else "",
        status=status,
        rule="rfc3464",
        diagnostic=" ".join(str(group.get("Diagnostic-Code", "")).split())[:LONGEST],
    )
