"""Notifications of Amazon SES, which come as JSON in the text of a mail."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from feedback.reports import addresses, fields
from feedback.reports.report import Kind, Reason, ReportedRecipient
from feedback.reports.rules import RuleBook
from feedback.reports.verdicts import NO_RULE, Judge, Said

RULE = "notification"
MOST_RECIPIENTS = 500
# What a bounce is by its sub-type, where the server's words say nothing.
_BY_TYPE = {
    "noemail": (Kind.HARD, Reason.USER_UNKNOWN),
    "suppressed": (Kind.SOFT, Reason.REFUSED),
    "onaccountsuppressionlist": (Kind.SOFT, Reason.REFUSED),
    "unsubscribedrecipient": (Kind.SOFT, Reason.REFUSED),
    "mailboxfull": (Kind.SOFT, Reason.MAILBOX_FULL),
    "messagetoolarge": (Kind.SOFT, Reason.TOO_LARGE),
    "contentrejected": (Kind.SOFT, Reason.BLOCKED),
    "attachmentrejected": (Kind.SOFT, Reason.BLOCKED),
}
_COMPLAINTS = {"abuse": Reason.ABUSE, "fraud": Reason.FRAUD, "virus": Reason.VIRUS}


def of_text(text: str, book: RuleBook) -> list[ReportedRecipient]:
    """Return what a notification says of each recipient; nothing if the text is none."""
    said = _object(text)
    if isinstance(said.get("Message"), str):
        said = _object(said["Message"])
    kind = str(said.get("notificationType") or said.get("eventType") or "").lower()
    about = said.get(kind)
    if not isinstance(about, dict) or not isinstance(said.get("mail"), dict):
        return []
    readers = {
        "bounce": _bounced,
        "complaint": _complained,
        "delivery": _delivered,
        "deliverydelay": _delayed,
    }
    reader = readers.get(kind)
    return list(reader(about, Judge(book))) if reader else []


def _object(text: str) -> Mapping[str, Any]:
    text = text.strip()
    if not text.startswith("{"):
        return {}
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return {**found, "deliverydelay": found.get("deliveryDelay")} if isinstance(found, dict) else {}


def _bounced(about: Mapping[str, Any], judge: Judge) -> Iterator[ReportedRecipient]:
    by_type = _BY_TYPE.get(_word(about, "bounceSubType"))
    is_final = _word(about, "bounceType") == "permanent"
    for address, one in _recipients(about.get("bouncedRecipients")):
        words = fields.words_of(_text(one, "diagnosticCode"))
        status = fields.status_of(_text(one, "status")) or fields.code_in(words)
        verdict = judge.failure(Said(status, words))
        kind, reason, rule = verdict.kind, verdict.reason, verdict.rule
        if by_type:
            kind, reason, rule = *by_type, RULE
        elif rule == NO_RULE and is_final:
            kind, reason, rule = Kind.HARD, Reason.USER_UNKNOWN, RULE
        if kind == Kind.HARD and not is_final:
            kind = Kind.SOFT
        yield ReportedRecipient(address, kind, reason, status, rule, words)


def _complained(about: Mapping[str, Any], judge: Judge) -> Iterator[ReportedRecipient]:
    said = _word(about, "complaintFeedbackType")
    if said == "not-spam":
        yield ReportedRecipient("", Kind.NOT_A_BOUNCE, Reason.NOT_SPAM, "", RULE)
        return
    reason = _COMPLAINTS.get(said, Reason.OTHER if said else Reason.ABUSE)
    for address, _ in _recipients(about.get("complainedRecipients")):
        yield ReportedRecipient(address, Kind.COMPLAINT, reason, "", RULE)


def _delivered(about: Mapping[str, Any], judge: Judge) -> Iterator[ReportedRecipient]:
    for address, _ in _recipients(about.get("recipients")):
        yield ReportedRecipient(address, Kind.DELIVERED, Reason.NONE, "", RULE)


def _delayed(about: Mapping[str, Any], judge: Judge) -> Iterator[ReportedRecipient]:
    for address, one in _recipients(about.get("delayedRecipients")):
        status = fields.status_of(_text(one, "status"))
        yield ReportedRecipient(address, Kind.DELAYED, Reason.UNREACHABLE, status, RULE)


def _recipients(given: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in given[:MOST_RECIPIENTS] if isinstance(given, list) else []:
        fields_of_one = one if isinstance(one, dict) else {"emailAddress": one}
        if address := addresses.tidy(_text(fields_of_one, "emailAddress")):
            yield address, fields_of_one


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return value[: fields.LONGEST_VALUE] if isinstance(value, str) else ""


def _word(given: Mapping[str, Any], name: str) -> str:
    return _text(given, name).strip().lower()
