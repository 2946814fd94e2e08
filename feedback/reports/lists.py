"""What the program of a mailing list writes when it doesn't pass a message on."""

from collections.abc import Iterable

from feedback.reports.phrases import Text
from feedback.reports.report import Kind, Reason, ReportedRecipient
from feedback.reports.rules import Rule, RuleBook
from feedback.reports.traces import Traces


def refusal(traces: Traces, text: Text, book: RuleBook) -> Rule | None:
    """Return the rule by which a list's program refuses a message for good, or None."""
    by_header = traces.is_of_list_program and (traces.has_null_sender or traces.is_automatic)
    # Whoever looks after a list may answer from its address, too.
    if not by_header and (not traces.is_program or traces.is_passed_on):
        return None
    return book.form("list_refusal", text) or book.form("list_refusal", traces.subject)


def refused(found: Iterable[str], rule: Rule) -> list[ReportedRecipient]:
    """Return that the message is lost for each of these, which says nothing about the address."""
    return [ReportedRecipient(one, Kind.SOFT, Reason.REFUSED, "", rule.name) for one in list(found) or [""]]
