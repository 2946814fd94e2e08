"""What each content must have: a subject, something to show, and a sender."""

import re

from django.utils.translation import gettext_noop as n_
from email_validator import EmailNotValidError, validate_email

from deliveries.content import references
from deliveries.content.findings import Findings
from deliveries.content.reading import markup
from deliveries.content.source import Source

# Embeddings, overrides and isolates; marks such as U+200F, which right-to-left texts need, turn nothing.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def check_presence(source: Source, findings: Findings) -> None:
    """Add an error where there is no subject, or nothing to show."""
    if not source.subject.strip():
        findings.error("empty_subject", n_("There is no subject."), where="subject")
    if not source.html.strip() and not source.text.strip():
        findings.error("empty_content", n_("There is no content: neither HTML nor text."), where="html")
    elif source.html.strip() and not _shows_anything(source.html):
        findings.error("empty_content", n_("The HTML shows nothing."), where="html")


def _shows_anything(html: str) -> bool:
    return any(
        (token.kind == "text" and references.in_text(html[token.start : token.end]).strip())
        or (token.kind == "start" and token.name == "img")
        for token in markup.tokens(html)
        if not token.in_condition
    )


def check_directions(source: Source, findings: Findings) -> None:
    """Warn of signs in subject and sender's name that turn the direction of writing, so that other words are read."""
    for part in ("subject", "from_name"):
        if found := _TURNING.search(references.in_text(getattr(source, part))):
            findings.warning(
                "turned_direction",
                n_(
                    "A sign that nobody sees (%(sign)s) turns the direction of writing here: what is read may differ "
                    "from what is written. Filters take it for a trick; take it out."
                ),
                where=part,
                sign=f"U+{ord(found.group()):04X}",
            )


def check_senders(source: Source, findings: Findings) -> None:
    """Add an error for each part of the sender that can't stand in a header."""
    _check_address("from_address", source.from_address, findings)
    if source.reply_to.strip():
        _check_address("reply_to", source.reply_to, findings)
    for part in ("from_name", "from_address", "reply_to"):
        if "\n" in getattr(source, part).strip():
            findings.error("invalid_sender", n_("The sender can't hold a line break."), where=part)


def _check_address(part: str, address: str, findings: Findings) -> None:
    if not address.strip():
        findings.error("invalid_sender", n_("There is no sender address."), where=part)
        return
    try:
        validate_email(
            address.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        findings.error(
            "invalid_sender",
            n_("“%(address)s” is not a valid address: %(cause)s"),
            where=part,
            address=address.strip()[:200],
            cause=str(error),
        )
