"""What reports do: to the messages that they are about, to the addresses of these, and what is noted of it.

What becomes of a message is told by all its reports together, so it does not matter in which order they came, whether
one came twice, or whether this runs again: nothing here adds to what was there before.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_noop as n_

from accounts import audit
from audiences import mail_exchanges
from audiences.quarantine import error_counts
from audiences.quarantine.thresholds import Error
from campaign.lib import clock
from deliveries.ledger import bounces, resolutions
from deliveries.models import Delivery, Reason
from deliveries.models import MessageStatus as S
from feedback.intake import reaching
from feedback.models import MailKind, Outcome, Report

AT_ONCE = 20_000  # messages of a delivery in one step
OPEN = (Outcome.PENDING, Outcome.WAITS)
ARRIVED = n_("Known to have left: a report of it came back by mail.")

# One row for each message: what its signed reports come to, beside what the ledger says. A hard bounce of the very
# address outweighs a soft one, and of several the oldest stands. What fails at another address, a forwarder's, says
# nothing final of ours.
_VERDICTS = """
    SELECT m.seq, m.status, m.address_key, a.seq IS NOT NULL AS was_sent_again, EXISTS (
            SELECT 1 FROM feedback_report r WHERE r.delivery_id = %(delivery)s AND r.seq = s.seq AND r.is_current
        ) AS is_told_of, v.*
    FROM unnest(%(seqs)s::int[]) AS s (seq)
    LEFT JOIN deliveries_message m ON m.delivery_id = %(delivery)s AND m.seq = s.seq
    LEFT JOIN deliveries_sentagain a ON a.delivery_id = %(delivery)s AND a.seq = s.seq
    LEFT JOIN LATERAL (
        SELECT r.id AS report, r.at, CASE WHEN r.kind = 'hard' AND o.is_own THEN 'hard' ELSE 'soft' END AS nature,
            r.reason, r.status AS code, r.diagnostic
        FROM feedback_report r, LATERAL (
            SELECT r.recipient_key IN ('', m.address_key, split_part(m.address_key, '@', 1)) AS is_own
        ) o
        WHERE r.delivery_id = %(delivery)s AND r.seq = s.seq AND r.is_current AND r.kind IN ('hard', 'soft')
        ORDER BY (r.kind = 'hard' AND o.is_own) DESC, r.at, r.id LIMIT 1
    ) v ON true
    WHERE m.seq IS NOT NULL
"""
_NOTE = """
    UPDATE feedback_report r SET outcome = n.outcome, address_key = n.address_key,
        settled_at = CASE WHEN n.outcome = 'waits' THEN r.settled_at ELSE sinete_clock() END
    FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(keys)s::text[]) AS n (id, outcome, address_key)
    WHERE r.id = n.id
"""


def settle_open() -> int:
    """Every open report takes effect, as far as its message has a result; returns how many did."""
    settled = 0
    for delivery_id in _deliveries_with_open():
        while done := settle(delivery_id):
            settled += done
    return settled


def is_anything_open() -> bool:
    """Whether a report waits that could take effect now."""
    return bool(_deliveries_with_open(most=1))


def _deliveries_with_open(*, most: int | None = None) -> list[int]:
    """Those with a report that was not looked at, or whose message has a result since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT r.delivery_id FROM feedback_report r LEFT JOIN deliveries_message m"
            " ON m.delivery_id = r.delivery_id AND m.seq = r.seq WHERE r.outcome IN ('pending', 'waits')"
            " AND r.delivery_id IS NOT NULL AND r.is_current"
            " AND (r.outcome = 'pending' OR m.status IS NULL OR m.status <> ALL(%s)) ORDER BY 1 LIMIT %s",
            [[S.PREPARED, S.RETRYING], most],
        )
        return [row[0] for row in cursor.fetchall()]


def settle(delivery_id: int) -> int:
    """The next open reports of a delivery take effect, in one step; returns how many did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT r.seq FROM feedback_report r LEFT JOIN deliveries_message m"
            " ON m.delivery_id = r.delivery_id AND m.seq = r.seq"
            " WHERE r.delivery_id = %s AND r.outcome IN ('pending', 'waits') AND r.is_current"
            " AND (r.outcome = 'pending' OR m.status IS NULL OR m.status <> ALL(%s)) ORDER BY 1 LIMIT %s",
            [delivery_id, [S.PREPARED, S.RETRYING], AT_ONCE],
        )
        seqs = [row[0] for row in cursor.fetchall()]
    return settle_messages(delivery_id, seqs) if seqs else 0


@transaction.atomic
def settle_messages(delivery_id: int, seqs: Sequence[int]) -> int:
    """These messages are what their reports say, and their addresses with them; returns how many reports are settled.

    Tallies and figures follow in the same transaction, and so do the outcomes of the reports.
    """
    reports = Report.objects.filter(delivery_id=delivery_id, seq__in=list(seqs), is_current=True)
    if not bounces.hold(delivery_id, seqs):
        return reports.update(outcome=Outcome.GONE, settled_at=clock.now())
    messages = _read(delivery_id, seqs)
    changes = _move(delivery_id, messages)
    rows = list(reports.order_by("id"))
    outcomes = {row.pk: _outcome(row, messages.get(row.seq or 0)) for row in rows}
    _note(rows, outcomes, messages)
    # Nothing is counted against the address of somebody who was erased: it is not known any more.
    bounced = {
        each.seq: each.address_key
        for each in messages.values()
        if each.may_bounce and each.nature and each.address_key
    }
    again = reaching.take_back(delivery_id, bounced)
    _count_errors(rows, outcomes, messages, also=again)
    mail_exchanges.want_of(bounced.values())
    if any(changes.values()):
        audit.record("settle_reports", by=None, target=Delivery.objects.get(pk=delivery_id), **changes)
    return sum(outcome != Outcome.WAITS for outcome in outcomes.values())


class _Message:
    """A message with what its reports come to."""

    __slots__ = (
        "address_key", "at", "code", "diagnostic", "is_told_of", "nature", "reason", "report", "seq", "status",
        "was_sent_again",
    )  # fmt: skip

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.seq, self.status, self.address_key, self.was_sent_again, self.is_told_of, *verdict = row
        self.report, self.at, self.nature, self.reason, self.code, self.diagnostic = verdict

    @property
    def may_bounce(self) -> bool:
        return not self.was_sent_again and self.status in {S.SENT, S.IN_DOUBT, S.BOUNCED}


def _read(delivery_id: int, seqs: Sequence[int]) -> dict[int, _Message]:
    with connection.cursor() as cursor:
        cursor.execute(_VERDICTS, {"delivery": delivery_id, "seqs": list(seqs)})
        return {row[0]: _Message(row) for row in cursor.fetchall()}


def _move(delivery_id: int, messages: dict[int, _Message]) -> dict[str, Any]:
    """The messages that may are bounced, those that no report says so of any more are not; how many were moved."""
    movable = [message for message in messages.values() if message.may_bounce]
    reported = [
        bounces.Reported(
            seq=message.seq, at=message.at, nature=message.nature, reason=_reason(message.reason), code=message.code,
            text=message.diagnostic,
        )
        for message in movable
        if message.nature
    ]  # fmt: skip
    unsaid = [message.seq for message in movable if not message.nature]
    back = bounces.take_back(delivery_id, [seq for seq in unsaid if messages[seq].status == S.BOUNCED])
    # A report of whatever kind proves that the relay took the message: its outcome is known.
    told = [seq for seq in unsaid if messages[seq].is_told_of]
    known = resolutions.count_as_sent(delivery_id=delivery_id, seqs=told, note=ARRIVED) if told else 0
    return {"bounced": bounces.bounce(delivery_id, reported), "taken_back": back, "known_to_have_left": known}


def _reason(reason: str) -> str:
    return reason if reason in Reason.values and reason else Reason.NOT_DEFINED


def _outcome(report: Report, message: _Message | None) -> Outcome:
    """What a report did: to be shown with it."""
    if message is None:
        return Outcome.GONE
    if message.status in {S.PREPARED, S.RETRYING}:
        return Outcome.WAITS
    if report.evidence == Report.Evidence.UNSUBSCRIBE:
        return Outcome.OPTED_OUT
    if report.kind == MailKind.COMPLAINT:
        return Outcome.MARKED
    if message.was_sent_again:
        return Outcome.SENT_AGAIN
    if not message.may_bounce:
        return Outcome.STAYS
    if report.kind not in {MailKind.HARD, MailKind.SOFT}:
        return Outcome.ARRIVED if message.status == S.IN_DOUBT and not message.nature else Outcome.NOTED
    return Outcome.BOUNCED if report.pk == message.report else Outcome.CONFIRMED


def _note(rows: Sequence[Report], outcomes: dict[int, Outcome], messages: dict[int, _Message]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "ids": [row.pk for row in rows],
                "outcomes": [str(outcomes[row.pk]) for row in rows],
                "keys": [_address(row, messages) for row in rows],
            },
        )


def _address(row: Report, messages: dict[int, _Message]) -> str:
    message = messages.get(row.seq or 0)
    return message.address_key if message is not None else ""


COUNTING = {Outcome.BOUNCED, Outcome.CONFIRMED, Outcome.SENT_AGAIN, Outcome.MARKED}


def _count_errors(
    rows: Sequence[Report], outcomes: dict[int, Outcome], messages: dict[int, _Message], *, also: set[str]
) -> None:
    """What the reports say against their addresses is counted there; those of `also` stand anew too."""
    errors = [
        (messages[row.seq or 0].address_key, error)
        for row in rows
        if outcomes[row.pk] in COUNTING
        and messages[row.seq or 0].address_key
        and (error := _error(row, messages[row.seq or 0])) is not None
    ]
    error_counts.count(errors, at=clock.now(), also=also)


def _error(row: Report, message: _Message) -> Error | None:
    """What the report says against the address of its message; a block is nobody's fault who lives there."""
    if row.kind == MailKind.COMPLAINT:
        nature = "complaint"
    elif row.reason == Reason.BLOCKED or row.kind not in {MailKind.HARD, MailKind.SOFT}:
        return None
    else:
        own = {"", message.address_key, message.address_key.partition("@")[0]}
        nature = "hard" if row.kind == MailKind.HARD and row.recipient_key in own else "soft"
    return Error(
        at=row.at, nature=nature, reason="complaint" if nature == "complaint" else _reason(row.reason),
        text=row.diagnostic, reference=reference(row),
    )  # fmt: skip


def reference(report: Report) -> str:
    """How an error of an address names the report that told of it."""
    return f"report {report.pk}"
