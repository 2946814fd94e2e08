"""Whatever the order in which results and reports come, and wherever the intake dies: the books balance."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from django.db import IntegrityError, transaction

from audiences.models import AddressError, Quarantine
from audiences.quarantine import error_counts
from campaign.lib import clock
from deliveries.ledger import books, bounces
from deliveries.models import Doubt, Message, SentAgain
from deliveries.models import MessageStatus as S
from deliveries.operations import reconciliation
from deliveries.tests.ledger_rows import execute, statuses
from feedback import jobs
from feedback.intake import reading, settling, storing
from feedback.models import IncomingMail, Outcome, Report
from feedback.tests.mails import bounce_of, complaint_of
from reporting.counting import statistics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db

MESSAGES = 40
RESULTS = [S.SENT, S.SENT, S.SENT, S.IN_DOUBT, S.FAILED, S.CANCELLED, S.IGNORED, None]
REPORTS = {
    "hard": {"status": "5.1.1"},
    "soft": {"status": "5.2.2"},
    "elsewhere": {"status": "5.1.1", "recipient": "somebody@elsewhere.example"},  # a forwarder's address
    "delayed": {"status": "4.2.2", "action": "delayed"},
    "delivered": {"status": "2.0.0", "action": "delivered"},
}
BOUNCES = {"hard", "soft", "elsewhere"}


@dataclass
class Story:
    """What happens to one message, in an order that nobody plans."""

    seq: int
    result: S | None
    reports: list[str]
    is_sent_again: bool
    mails: dict[str, bytes] = field(default_factory=dict)

    @property
    def steps(self) -> list[tuple[int, str]]:
        twice = [*self.reports, *self.reports]
        return [(self.seq, step) for step in [*twice, *(["result"] if self.result is not None else [])]]

    @property
    def end(self) -> S:
        """What the message must be in the end."""
        if self.result is None:
            return S.PREPARED
        if self.result not in {S.SENT, S.IN_DOUBT} or self.is_sent_again:
            return self.result
        if BOUNCES & set(self.reports):
            return S.BOUNCED
        return S.SENT if self.reports else self.result


def stories(delivery, chance: random.Random) -> dict[int, Story]:
    made = {}
    for seq in range(1, MESSAGES + 1):
        result = chance.choice(RESULTS)
        reports = chance.sample([*sorted(REPORTS), "complaint"], chance.randint(0, 3))
        again = result == S.SENT and chance.random() < 0.2
        mails = {
            kind: complaint_of(delivery, seq)
            if kind == "complaint"
            else bounce_of(delivery, seq, **REPORTS[kind])
            for kind in reports
        }
        made[seq] = Story(seq, result, reports, again, mails)
    return made


def write_result(delivery, story: Story) -> None:
    """As an exchange does: the row, and the small row beside it."""
    if story.is_sent_again:
        SentAgain.objects.create(delivery=delivery, seq=story.seq, since=clock.now())
    execute(
        "UPDATE deliveries_message SET status = %s, tries = 1, at = sinete_clock() WHERE delivery_id = %s AND seq = %s",
        int(story.result), delivery.pk, story.seq,
    )  # fmt: skip
    if story.result == S.IN_DOUBT:
        Doubt.objects.create(delivery=delivery, seq=story.seq, since=clock.now(), token=7, note="kept")


def as_it_ended(delivery) -> dict[str, object]:
    """Everything that reports change, as it stands."""
    return {
        "rows": statuses(delivery),
        "natures": list(
            Message.objects.filter(delivery=delivery).order_by("seq").values_list("nature", flat=True)
        ),
        "addresses": sorted(Quarantine.objects.values_list("address_key", "status", "errors")),
        "reports": Counter(Report.objects.values_list("outcome", flat=True)),
        "errors": AddressError.objects.count(),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_whatever_order_results_and_reports_come_the_end_is_the_same(seed):
    chance = random.Random(seed)
    delivery = delivery_with(sending=True, recipients=MESSAGES)
    told = stories(delivery, chance)
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", delivery.pk)
    steps = [step for story in told.values() for step in story.steps]
    chance.shuffle(steps)

    for seq, step in steps:
        if step == "result":
            write_result(delivery, told[seq])
        else:
            storing.store(told[seq].mails[step])
        if chance.random() < 0.15:
            jobs.read_mail()
    jobs.read_mail()
    jobs.read_mail()

    assert statuses(delivery) == [told[seq].end.name for seq in sorted(told)]
    assert books.imbalance(delivery) == {}
    assert reconciliation.reconcile(delivery.pk).balanced
    counts = statistics.counts(delivery)
    ends = Counter(story.end for story in told.values())
    assert (counts.delivered, counts.failed) == (ends[S.SENT], ends[S.BOUNCED] + ends[S.FAILED])
    hard = Message.objects.filter(delivery=delivery, status=S.BOUNCED, nature="hard").count()
    assert hard == sum(story.end == S.BOUNCED and "hard" in story.reports for story in told.values())
    assert Report.objects.count() == sum(len(story.reports) for story in told.values())


class Killed(BaseException):
    """As a worker dies: nothing catches it, what was not committed is gone."""


PLACES = [
    (reading, "rows_of"),
    (reading, "_note_read"),
    (settling, "settle_open"),
    (bounces, "hold"),
    (settling, "_move"),
    (settling, "_note"),
    (error_counts, "count"),
    (error_counts, "stand"),
]


def test_wherever_the_intake_dies_no_report_is_lost_and_none_counts_twice(monkeypatch):
    delivery = delivery_with(sent=6, in_doubt=2)
    mails = [bounce_of(delivery, seq, status="5.1.1" if seq % 2 else "5.2.2") for seq in range(1, 9)]

    for mail, (module, name) in zip(mails, PLACES, strict=True):
        storing.store(mail)
        for after in (False, True):
            with monkeypatch.context() as patch, pytest.raises(Killed):
                patch.setattr(module, name, _deadly(getattr(module, name), after=after))
                jobs.read_mail()
                raise Killed  # nothing was left to do the second time
        jobs.read_mail()
        storing.store(mail)  # the server did not hear of it, and comes again

    ended = as_it_ended(delivery)
    jobs.read_mail()

    assert as_it_ended(delivery) == ended
    assert ended["rows"] == ["BOUNCED"] * 8
    assert ended["errors"] == IncomingMail.objects.count() == 8
    assert set(ended["reports"]) == {Outcome.BOUNCED}
    assert {(status, errors) for _key, status, errors in ended["addresses"]} == {
        ("quarantine", 1), ("erroneous", 1),
    }  # fmt: skip
    assert reconciliation.reconcile(delivery.pk).balanced


def _deadly(function, *, after: bool):
    def dies(*args: object, **more: object) -> None:
        if after:
            function(*args, **more)
        raise Killed

    return dies


def test_a_bounce_that_is_taken_back_leaves_everything_as_it_was():
    delivery = delivery_with(sent=2, in_doubt=2)
    before = as_it_ended(delivery), list(Doubt.objects.order_by("seq").values())
    seqs = [1, 2, 3, 4]
    now = clock.now()

    with transaction.atomic():
        assert bounces.hold(delivery.pk, seqs)
        said = [bounces.Reported(seq=seq, at=now, nature="hard", reason="user_unknown") for seq in seqs]
        assert bounces.bounce(delivery.pk, said) == 4
        assert statuses(delivery) == ["BOUNCED"] * 4
        assert bounces.take_back(delivery.pk, seqs) == 4

    assert (as_it_ended(delivery), list(Doubt.objects.order_by("seq").values())) == before
    assert reconciliation.reconcile(delivery.pk).balanced


def test_no_mail_stands_twice_whoever_writes_it():
    IncomingMail.objects.create(digest=b"1", raw=b"a")

    with pytest.raises(IntegrityError), transaction.atomic():
        IncomingMail.objects.create(digest=b"1", raw=b"b")
