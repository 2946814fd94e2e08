"""Recipients of a delivery report (RFC 3464), and of a notice that is only text."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from feedback.reports import addresses, fields, notice, sessions
from feedback.reports.fields import Group
from feedback.reports.notice import Notice
from feedback.reports.patience import Patience
from feedback.reports.report import Kind, Reason, ReportedRecipient
from feedback.reports.rules import RuleBook
from feedback.reports.verdicts import Judge, Said, Verdict

LONGEST_DIAGNOSTIC = 500  # characters
OUR_ADDRESS = Verdict(Kind.SOFT, Reason.BLOCKED, "our-address")
_DELIVERED = ("delivered", "relayed", "expanded")


class _Words(NamedTuple):
    """What a notice says of one recipient, and all that it says where it speaks of nobody else."""

    about: str
    whole: str
    before_recipients: bool


def of_report(
    groups: list[Group],
    text: Notice,
    book: RuleBook,
    patience: Patience,
    *,
    warns: bool = False,
    ours: Collection[str] = (),
) -> Iterator[ReportedRecipient]:
    """Yield what a delivery report says of each recipient; `warns`: its words are those of a warning.

    A refusal that names one of `ours`, addresses that the report came to, and not the recipient is about our address.
    """
    named = [(_address(group), group) for group in groups if group.is_recipient]
    said = _Said(text.text, [address for address, _ in named])
    judge = Judge(book)
    for address, group in named:
        patience.check()
        one = _of_group(address, group, said.of(address), judge, warns=warns)
        if one.kind == Kind.HARD and _names_us(_diagnostic(group), address, ours):
            verdict = OUR_ADDRESS
            one = replace(one, kind=verdict.kind, reason=verdict.reason, rule=verdict.rule)
        yield one


def of_notice(
    text: Notice,
    found: list[str],
    book: RuleBook,
    patience: Patience,
    *,
    delayed: str = "",
    ours: Collection[str] = (),
) -> Iterator[ReportedRecipient]:
    """Yield what a text says of each address; `delayed` names the rule by which it is a warning.

    What is refused because of one of `ours`, addresses that the notice came to, says nothing of the recipient.
    """
    said = _Said(text.text, found)
    judge = Judge(book)
    whole_reason = notice.reasons(text.text, book)
    for address in found or [""]:
        patience.check()
        about, whole, before = said.of(address)
        status = fields.code_in(about) or fields.code_in(whole)
        if delayed:
            yield ReportedRecipient(
                address, Kind.DELAYED, Reason.UNREACHABLE, status, delayed, _one_line(about)
            )
            continue
        reason = notice.reasons(about, book) if about else whole_reason
        verdict = judge.failure(Said(status, about, "", whole, reason, before))
        if verdict.kind == Kind.HARD and _lines_name_us(about, address, ours, judge):
            verdict = OUR_ADDRESS
        yield ReportedRecipient(
            address, verdict.kind, verdict.reason, status, verdict.rule, _one_line(about or whole)
        )


def _of_group(address: str, group: Group, said: _Words, judge: Judge, *, warns: bool) -> ReportedRecipient:
    about, whole, before = said
    diagnostic = _diagnostic(group)
    status = fields.status_of(group.get("status")) or fields.code_in(diagnostic)
    kind = _kind(group.get("action"), status, warns=warns)
    shown = _one_line(diagnostic or about)
    if kind == Kind.DELIVERED:
        return ReportedRecipient(address, kind, Reason.NONE, status, "action", shown)
    verdict = judge.failure(
        Said(status, diagnostic, about, whole, "", before or sessions.is_before_recipients(diagnostic))
    )
    if kind == Kind.DELAYED:
        return ReportedRecipient(address, kind, verdict.reason, status, "action", shown)
    return ReportedRecipient(address, verdict.kind, verdict.reason, status, verdict.rule, shown)


def _kind(action: str, status: str, *, warns: bool) -> Kind:
    word = action.lower().strip(" <>\"'")
    if word.startswith(_DELIVERED):
        return Kind.DELIVERED
    if word.startswith("delay"):
        return Kind.DELAYED
    if not word and status.startswith("2"):
        return Kind.DELIVERED
    if not word and status.startswith("4") and warns:
        return Kind.DELAYED
    return Kind.SOFT


def _address(group: Group) -> str:
    return addresses.of_field(group.get("original-recipient")) or addresses.of_field(
        group.get("final-recipient")
    )


def _diagnostic(group: Group) -> str:
    """The server's words without their type, and what some put beside the code of the status."""
    words = fields.words_of(group.get("diagnostic-code"))
    beside = group.get("status").removeprefix(fields.status_of(group.get("status")))
    of_action = group.get("action").partition("(")[2]
    return "\n".join(part.strip() for part in (words, beside, of_action) if part.strip(" ()."))


def _names_us(words: str, address: str, ours: Collection[str]) -> bool:
    lower = words.lower()
    return bool(address) and address.lower() not in lower and any(one.lower() in lower for one in ours)


def _lines_name_us(about: str, address: str, ours: Collection[str], judge: Judge) -> bool:
    """Whether what is final in these lines is said of us: the recipient may stand before it, as in a list."""
    for line in about.lower().split("\n"):
        bare = line.lstrip(" <")
        said = bare.removeprefix(address.lower()) if address else bare
        if _names_us(said, address, ours) and judge.failure(Said(diagnostic=said)).kind == Kind.HARD:
            return True
    return False


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else " " for character in line)[:LONGEST_DIAGNOSTIC]


class _Said:
    """What a notice says of each recipient, and as a whole where it speaks of no more than one."""

    def __init__(self, text: str, everybody: list[str]) -> None:
        self._text = text
        self._about = notice.about(text, everybody)
        self._alone = len(everybody) <= 1

    def of(self, address: str) -> _Words:
        about = self._about.get(address.lower(), "")
        whole = self._text if self._alone or not about else ""
        before = sessions.is_before_recipients(whole or about)
        return _Words(fields.refusals(about), fields.refusals(whole), before)
