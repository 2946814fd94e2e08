"""Which message of ours a mail is about: by tokens that we signed, and by nothing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from campaign.lib.tokens import BadToken, Claim, Purpose, Signer
from deliveries.content.message.render import HEADER
from feedback import reports
from feedback.models import Report

Evidence = Report.Evidence

# Programs write to that address for people, so a mail that looks automatic counts.
WISHES = {reports.Kind.NOT_A_BOUNCE, reports.Kind.AUTO_REPLY}
MOST_LOOKED_AT = 50  # tokens in one mail: each costs a signature
_IN_RETURN_PATH = re.compile(r"(?<![A-Za-z0-9])b-([0-9A-Fa-f]{54})@", re.ASCII)
_IN_WISH = re.compile(r"(?<![A-Za-z0-9])u-([0-9A-Fa-f]{54})@", re.ASCII)
_IN_MESSAGE_ID = re.compile(r"(?<![A-Za-z0-9])([0-9A-Fa-f]{54})@", re.ASCII)
_IN_HEADER = re.compile(r"[A-Za-z0-9_-]{36}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Match:
    """The message that a mail is about. `is_conflicting`: it bears the signs of two, so it proves neither."""

    claim: Claim | None = None
    evidence: str = Evidence.NONE
    is_conflicting: bool = False


def match(report: reports.Report, *, envelope_to: str, signer: Signer) -> Match:
    """Return the message that our signatures in the mail name.

    Mail to the address of List-Unsubscribe is a wish, unless a machine reports by it what became of a message.
    Where the envelope and the returned message disagree nothing is proven. Message-IDs are asked last: an answer
    to one mail of ours may bear those of others as well.
    """
    addresses = (envelope_to, *report.envelope_to)
    if report.kind in WISHES and (wished := _claims(addresses, _IN_WISH, Purpose.UNSUBSCRIBE_MAIL, signer)):
        return Match(wished.pop(), Evidence.UNSUBSCRIBE) if len(wished) == 1 else Match(is_conflicting=True)
    returned = [value for name, value in report.returned_headers.items() if name.lower() == HEADER.lower()]
    by_path = _claims(addresses, _IN_RETURN_PATH, Purpose.BOUNCE, signer)
    by_header = _claims(returned, _IN_HEADER, Purpose.MESSAGE, signer)
    strong = by_path | by_header
    if len(strong) > 1:
        return Match(is_conflicting=True)
    if strong:
        return Match(strong.pop(), Evidence.HEADER if by_header else Evidence.RETURN_PATH)
    ids = [*report.message_ids, *_message_ids(report)]
    by_id = _claims(ids, _IN_MESSAGE_ID, Purpose.MESSAGE, signer)
    if len(by_id) > 1:
        return Match(is_conflicting=True)
    return Match(by_id.pop(), Evidence.MESSAGE_ID) if by_id else Match()


def _message_ids(report: reports.Report) -> list[str]:
    return [value for name, value in report.returned_headers.items() if name.lower() == "message-id"]


def _claims(texts: Iterable[str], form: re.Pattern[str], purpose: Purpose, signer: Signer) -> "set[Claim]":
    """Whatever in these texts we signed for this purpose, as claims of a message."""
    found: set[Claim] = set()
    looked_at = 0
    for text in texts:
        for each in form.finditer(str(text)):
            looked_at += 1
            if looked_at > MOST_LOOKED_AT:
                return found
            token = each[1] if form.groups else each[0]
            try:
                claim = signer.read(token, purpose)
            except BadToken:
                continue
            found.add(Claim(Purpose.MESSAGE, claim.delivery_key, claim.seq))
    return found
