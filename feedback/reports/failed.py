"""Recipients of a delivery report (RFC 3464), and of a notice that is only text."""

from collections.abc import Iterable, Iterator

from feedback.reports import addresses, fields, notice, verdicts
from feedback.reports.fields import Group
from feedback.reports.notice import Notice
from feedback.reports.patience import Patience
from feedback.reports.report import Kind, Reason, ReportedRecipient
from feedback.reports.rules import RuleBook
from feedback.reports.verdicts import Said

LONGEST_DIAGNOSTIC = 500  # characters
_DELIVERED = ("delivered", "relayed", "expanded")


def of_report(
    groups: list[Group], text: Notice, book: RuleBook, patience: Patience
) -> Iterator[ReportedRecipient]:
    """Yield what a delivery report says of each recipient."""
    named = [(_address(group), group) for group in groups if group.is_recipient]
    everybody = [address for address, _ in named]
    for address, group in named:
        patience.check()
        alone = len(everybody) == 1
        yield _of_group(address, group, _about(text.text, address, everybody, alone=alone), book)


def of_notice(
    text: Notice, found: list[str], book: RuleBook, patience: Patience, *, delayed: str = ""
) -> Iterator[ReportedRecipient]:
    """Yield what a text says of each address; `delayed` names the rule by which it is a warning."""
    for address in found or [""]:
        patience.check()
        about, whole = _about(text.text, address, found, alone=len(found) <= 1)
        status = fields.code_in(about) or fields.code_in(whole)
        if delayed:
            yield ReportedRecipient(
                address, Kind.DELAYED, Reason.UNREACHABLE, status, delayed, _one_line(about)
            )
            continue
        verdict = verdicts.failure(Said(status, about, "", whole), book)
        yield ReportedRecipient(
            address, verdict.kind, verdict.reason, status, verdict.rule, _one_line(about or whole)
        )


def _of_group(address: str, group: Group, said: tuple[str, str], book: RuleBook) -> ReportedRecipient:
    about, whole = said
    diagnostic = _diagnostic(group)
    status = fields.status_of(group.get("status")) or fields.code_in(diagnostic)
    kind = _kind(group.get("action"), status)
    shown = _one_line(diagnostic or about)
    if kind == Kind.DELIVERED:
        return ReportedRecipient(address, kind, Reason.NONE, status, "action", shown)
    verdict = verdicts.failure(Said(status, diagnostic, about, whole), book)
    if kind == Kind.DELAYED:
        return ReportedRecipient(address, kind, verdict.reason, status, "action", shown)
    return ReportedRecipient(address, verdict.kind, verdict.reason, status, verdict.rule, shown)


def _kind(action: str, status: str) -> Kind:
    word = action.lower().strip(" <>\"'")
    if word.startswith(_DELIVERED):
        return Kind.DELIVERED
    if word.startswith("delay"):
        return Kind.DELAYED
    if not word and status.startswith("2"):
        return Kind.DELIVERED
    return Kind.SOFT


def _address(group: Group) -> str:
    return addresses.of_field(group.get("original-recipient")) or addresses.of_field(
        group.get("final-recipient")
    )


def _diagnostic(group: Group) -> str:
    """The server's words without their type, and what some put beside the code of the status."""
    value = group.get("diagnostic-code")
    kind, separator, rest = value.partition(";")
    words = rest if separator and len(kind) < 30 and " " not in kind.strip() else value
    beside = group.get("status").removeprefix(fields.status_of(group.get("status")))
    of_action = group.get("action").partition("(")[2]
    return "\n".join(part.strip() for part in (words, beside, of_action) if part.strip(" ()."))


def _about(text: str, address: str, everybody: Iterable[str], *, alone: bool) -> tuple[str, str]:
    about = notice.about(text, address, everybody) if address else ""
    return about, text if alone or not about else ""


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else " " for character in line)[:LONGEST_DIAGNOSTIC]
