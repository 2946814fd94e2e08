"""What people decide about messages with unknown outcome, as the Deployment window asks and answers it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.messages import constants
from django.http import Http404, QueryDict
from django.utils.formats import number_format
from django.utils.translation import ngettext

from accounts import access
from accounts.models import User
from accounts.rights import Right
from deliveries.lifecycle import groups
from deliveries.models import Delivery
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision, DecisionQuestion, DecisionReceipt

MOST_ROWS = 1000  # of those that were ticked one by one


@dataclass(frozen=True)
class Order:
    """What was pressed: which decision, about which rows."""

    decision: Decision
    which: str
    seqs: list[int] | None  # None: all of the delivery
    expected: int | None
    reason: str


def order(posted: QueryDict) -> Order:
    """Return what a form says; raise Http404 for a decision that there isn't."""
    decision, which = posted.get("decision", ""), posted.get("which", "chosen")
    if decision not in Decision.values or which not in {"chosen", "all"}:
        raise Http404
    seqs = [seq for text in posted.getlist("seq")[:MOST_ROWS] if (seq := _whole(text)) is not None]
    return Order(
        decision=Decision(decision),
        which=which,
        seqs=None if which == "all" else seqs,
        expected=_whole(posted.get("expected", "")),
        reason=posted.get("reason", "").replace("\x00", ""),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else None


def question(what: Order, delivery: Delivery, *, by: User, at: datetime) -> DecisionQuestion:
    """The second step; refused as the decision would be."""
    return doubts.question(delivery=delivery, decision=what.decision, by=by, at=at, seqs=what.seqs)


def carry_out(what: Order, delivery: Delivery, *, by: User, at: datetime) -> list[tuple[int, str]]:
    """Decide; returns what is to be said, each with its level."""
    receipt = doubts.decide(
        delivery=delivery, decision=what.decision, by=by, at=at, reason=what.reason, seqs=what.seqs,
        expected=what.expected,
    )  # fmt: skip
    return in_words(receipt)


def in_words(receipt: DecisionReceipt) -> list[tuple[int, str]]:
    """The receipt as people read it."""
    n = receipt.done
    said = {
        Decision.HOLD: ngettext(
            "%(n)s message is held, with your note.", "%(n)s messages are held, with your note.", n
        ),
        Decision.SEND_AGAIN: ngettext("%(n)s message is sent again.", "%(n)s messages are sent again.", n),
        Decision.COUNT_AS_SENT: ngettext("%(n)s message counts as sent.", "%(n)s messages count as sent.", n),
    }[receipt.decision]
    lines = [(constants.SUCCESS, said % {"n": _shown(n)})]
    if n := receipt.settled_before:
        text = ngettext(
            "%(n)s of what you chose was settled before, by somebody else or by itself.",
            "%(n)s of what you chose were settled before, by somebody else or by themselves.",
            n,
        )
        lines.append((constants.WARNING, text % {"n": _shown(n)}))
    if n := receipt.opted_out:
        text = ngettext(
            "%(n)s stays held: opted out or quarantined since.",
            "%(n)s stay held: opted out or quarantined since.",
            n,
        )
        lines.append((constants.WARNING, text % {"n": _shown(n)}))
    return lines


def _shown(number: int) -> str:
    return number_format(number, 0, force_grouping=True)


def context(delivery: Delivery, user: User) -> dict[str, Any]:
    """What the tab needs beside its rows."""
    return {
        "may_decide": access.can(user, Right.START, delivery),
        "undecided": doubts.number(delivery),
        "never_again": delivery.status in groups.CUT_SHORT,
    }
