"""Stored mail is read: what it reports of whom stands in rows, each with the message that it is about."""

import logging
from collections.abc import Sequence
from itertools import islice

from django.db import connection, transaction
from django.db.models import F, QuerySet

from audiences import addresses
from audiences.models import AddressState
from campaign.lib.tokens import default_signer
from deliveries.models import Delivery
from deliveries.proofs import showing
from feedback import reports as reader
from feedback import unsubscribes
from feedback.intake import replies
from feedback.intake.matching import Match, match
from feedback.models import IncomingMail, MailKind, Outcome, Reply, Report

logger = logging.getLogger(__name__)

AT_ONCE = 100
MOST_RECIPIENTS = 200  # of one mail
MOST_DEATHS = 3  # readers that one mail may end
_NOBODY = reader.ReportedRecipient("", reader.Kind.NOT_A_BOUNCE, reader.Reason.UNREADABLE)
UNREADABLE = reader.Report(kind=reader.Kind.NOT_A_BOUNCE, recipients=(_NOBODY,))


def read_waiting(*, most: int = 20_000) -> int:
    """Every mail that waits is read; returns how many. Two who read at once share the work."""
    read = 0
    while read < most and (ids := _begin(AT_ONCE)):
        done = _read(ids)
        if not done:  # others are at all of them
            break
        read += done
    return read


def waiting() -> QuerySet[IncomingMail]:
    """The mails that nobody has read."""
    return IncomingMail.objects.filter(read_at=None)


@transaction.atomic
def _begin(number: int) -> list[int]:
    """The oldest that wait and nobody is at, noted as begun: were this process to die of one, the next one knows.

    One whose reader died stands alone, so that it takes no others along.
    """
    rows_waiting = waiting().select_for_update(skip_locked=True).order_by("id")
    rows = list(rows_waiting.values_list("id", "unended")[:number])
    ids = [pk for pk, unended in rows if not unended] or [pk for pk, _unended in rows[:1]]
    IncomingMail.objects.filter(pk__in=ids).update(unended=F("unended") + 1)
    return ids


@transaction.atomic
def _read(ids: Sequence[int]) -> int:
    rows = IncomingMail.objects.select_for_update(skip_locked=True).filter(pk__in=ids, read_at=None)
    mails = list(rows.order_by("id"))
    reports = Report.objects.bulk_create(rows_of(mails))
    Reply.objects.bulk_create(replies.rows_of(mails, reports), ignore_conflicts=True)
    _opt_out(reports)
    _note_read(mails)
    return len(mails)


def _opt_out(reports: Sequence[Report]) -> None:
    """Whoever wrote to the address of List-Unsubscribe, or for whom a program did, gets no more mail."""
    for report in reports:
        if report.evidence == Report.Evidence.UNSUBSCRIBE and report.delivery_id and report.seq:
            unsubscribes.opt_out(
                delivery_id=report.delivery_id, seq=report.seq, at=report.at, source=unsubscribes.SOURCE_MAIL
            )


def rows_of(mails: Sequence[IncomingMail]) -> list[Report]:
    """Read these mails; return what they report, not stored yet, and set each one's `kind`."""
    found: list[tuple[IncomingMail, reader.Report, Match]] = []
    signer = default_signer()
    for mail in mails:
        report = _report_of(mail)
        mail.kind = MailKind.UNREADABLE if report.reason == reader.Reason.UNREADABLE else report.kind
        found.append((mail, report, match(report, envelope_to=mail.envelope_to, signer=signer)))
    keys = {matched.claim.delivery_key for _mail, _report, matched in found if matched.claim}
    deliveries = dict(Delivery.objects.filter(key__in=keys).values_list("key", "pk"))
    return [row for mail, report, matched in found for row in _rows(mail, report, matched, deliveries)]


def _report_of(mail: IncomingMail) -> reader.Report:
    """What the mail says; one that can't be read, or ended its reader too often, is kept as unreadable."""
    if mail.unended > MOST_DEATHS:
        logger.error("incoming mail %s has ended %s readers: it is left alone", mail.pk, MOST_DEATHS)
        return UNREADABLE
    try:
        return reader.read(bytes(mail.raw))
    except Exception:  # whatever one mail does to its reader, the others go on
        logger.exception("incoming mail %s can't be read", mail.pk)
        return UNREADABLE


def _rows(
    mail: IncomingMail, report: reader.Report, matched: Match, deliveries: dict[int, int]
) -> list[Report]:
    told = list(islice(report.recipients, MOST_RECIPIENTS))
    where = _where(matched, deliveries)
    return [
        Report(
            mail=mail,
            number=number,
            at=mail.received_at,
            recipient=_storable(each.recipient, 320),
            recipient_key=_key(each.recipient),
            kind=MailKind.UNREADABLE if each.reason == reader.Reason.UNREADABLE else each.kind,
            reason=_storable(each.reason, 32),
            status=_storable(each.status, 16),
            rule=_storable(each.rule, 100),
            diagnostic=_storable(each.diagnostic, 500),
            **where,
        )
        for number, each in enumerate(told, start=1)
    ]


def _where(matched: Match, deliveries: dict[int, int]) -> dict[str, object]:
    claim = matched.claim
    if claim is None:
        nothing = Outcome.CONFLICTING if matched.is_conflicting else Outcome.UNSIGNED
        return {"outcome": nothing, "evidence": ""}
    known = deliveries.get(claim.delivery_key)
    if claim.seq < 1 or showing.is_number(claim.seq):
        return {"outcome": Outcome.PROOF, "evidence": matched.evidence, "delivery_id": known}
    if known is None:
        return {"outcome": Outcome.GONE, "evidence": matched.evidence}
    return {"evidence": matched.evidence, "delivery_id": known, "seq": claim.seq}


def _key(recipient: str) -> str:
    """The key of an address as it was reported; of what is none the text itself, so that it is nobody else's."""
    state, key = addresses.read(recipient.strip("<> "))
    return key if state == AddressState.GOOD else _storable(recipient.strip().lower(), 320)


def _storable(text: str, longest: int) -> str:
    return str(text).replace("\x00", "").encode("utf-8", "replace").decode()[:longest]


def _note_read(mails: Sequence[IncomingMail]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE feedback_incomingmail m SET read_at = sinete_clock(), unended = 0, kind = n.kind"
            " FROM unnest(%s::bigint[], %s::text[]) AS n (id, kind) WHERE m.id = n.id",
            [[mail.pk for mail in mails], [str(mail.kind) for mail in mails]],
        )
