"""Why one recipient's message failed: the words of the server, its code, the words of the notice, in this order."""

from collections.abc import Iterable
from dataclasses import dataclass

from feedback.reports import fields
from feedback.reports.phrases import level
from feedback.reports.report import Kind, Reason
from feedback.reports.rules import RuleBook

NO_RULE = "no-rule"


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one recipient, from the most certain to the least."""

    # The enhanced code of the report's own field, or of the text.
    status: str = ""
    # What the server answered, word for word.
    diagnostic: str = ""
    # What the notice says of this recipient, and all that it says.
    about: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    reason: Reason
    rule: str


def failure(said: Said, book: RuleBook) -> Verdict:
    """Say why it failed. Without anything that a rule knows it is soft and not defined.

    Where the last word was that it might work later, nothing is hard, whatever the words are.
    """
    verdict = _by_words([said.diagnostic], book)
    for code in _codes(said):
        verdict = verdict or _by_code(code, book)
    verdict = verdict or _by_words([said.about, said.notice], book)
    verdict = verdict or Verdict(Kind.SOFT, Reason.NOT_DEFINED, NO_RULE)
    if verdict.kind == Kind.HARD and fields.is_for_now(said.diagnostic or said.about, said.status):
        return Verdict(Kind.SOFT, verdict.reason, verdict.rule)
    return verdict


def _codes(said: Said) -> list[str]:
    """The server's own code first: some reports have a general one, or another's, in their own field."""
    return [code for code in (fields.code_in(said.diagnostic), said.status) if code]


def _by_words(texts: Iterable[str], book: RuleBook) -> Verdict | None:
    for text in texts:
        rule = book.failure(level(text)) if text else None
        if rule is not None:
            return Verdict(rule.kind, rule.reason, rule.name)
    return None


def _by_code(code: str, book: RuleBook) -> Verdict | None:
    meaning = book.code(code)
    return Verdict(meaning.kind, meaning.reason, meaning.name) if meaning else None
