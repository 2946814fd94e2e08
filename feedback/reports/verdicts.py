"""Why one recipient's message failed: the words of the server, its code, the words of the notice, in this order."""

from collections.abc import Iterable
from dataclasses import dataclass

from feedback.reports import fields
from feedback.reports.phrases import Text, level
from feedback.reports.report import Kind, Reason
from feedback.reports.rules import Rule, RuleBook

NO_RULE = "no-rule"
BEFORE_RECIPIENTS = "before-recipients"


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
    # What a notice itself gives as the reason.
    reason: str = ""
    # The server refused before it heard whom the message is for.
    before_recipients: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    reason: Reason
    rule: str


class Judge:
    """Judges the recipients of one mail; what was said of many in the same words is looked up once."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._known: dict[Text, Rule | None] = {}

    def failure(self, said: Said) -> Verdict:
        """Say why it failed. Without anything that a rule knows it is soft and not defined.

        Where the last word was that it might work later, nothing is hard, whatever the words are, and neither where
        the server refused us before it heard of the recipient.
        """
        verdict = self._by_words([said.reason, said.diagnostic])
        for code in _codes(said):
            verdict = verdict or self._by_code(code)
        verdict = verdict or self._by_words([said.about, said.notice])
        verdict = verdict or Verdict(Kind.SOFT, Reason.NOT_DEFINED, NO_RULE)
        if verdict.kind == Kind.HARD and fields.is_for_now(said.diagnostic or said.about, said.status):
            return Verdict(Kind.SOFT, verdict.reason, verdict.rule)
        if verdict.kind == Kind.HARD and said.before_recipients:
            return Verdict(Kind.SOFT, Reason.BLOCKED, BEFORE_RECIPIENTS)
        return verdict

    def _by_words(self, texts: Iterable[str]) -> Verdict | None:
        for text in texts:
            rule = self._rule(level(text)) if text else None
            if rule is not None:
                return Verdict(rule.kind, rule.reason, rule.name)
        return None

    def _rule(self, text: Text) -> Rule | None:
        if text not in self._known:
            self._known[text] = self.book.failure(text)
        return self._known[text]

    def _by_code(self, code: str) -> Verdict | None:
        meaning = self.book.code(code)
        return Verdict(meaning.kind, meaning.reason, meaning.name) if meaning else None


def _codes(said: Said) -> list[str]:
    """The server's own code first: some reports have a general one, or another's, in their own field."""
    return [code for code in (fields.code_in(said.diagnostic), said.status) if code]
