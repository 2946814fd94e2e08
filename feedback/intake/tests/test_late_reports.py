"""Reports that come after people have decided: after *send again*, after a stop, and weeks after the end."""

import random
from collections import Counter

import pytest

from audiences.models import AddressError, Quarantine
from campaign.lib import clock
from deliveries.ledger import books, resolutions
from deliveries.models import Delivery, Doubt, Message, SentAgain, Status, Try
from deliveries.models import MessageStatus as S
from deliveries.operations import reconciliation
from deliveries.sending import control
from deliveries.tests.factories import person
from deliveries.tests.ledger_rows import execute
from feedback import jobs
from feedback.intake import storing
from feedback.models import Outcome, Report
from feedback.tests.mails import bounce_of, complaint_of
from reporting.counting import statistics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db

MESSAGES, HANDED = 18, 14  # the last of them nobody has handed over when it is stopped


class Send:
    """A delivery on its way; each of its steps does what a lane or a person would, where the row allows it."""

    def __init__(self, chance: random.Random) -> None:
        self.delivery = delivery_with(sending=True, recipients=MESSAGES)
        execute(
            "UPDATE deliveries_chunk SET handed_upto = %s WHERE delivery_id = %s", HANDED, self.delivery.pk
        )
        self.chance = chance

    def status(self, seq: int) -> S:
        return S(Message.objects.get(delivery=self.delivery, seq=seq).status)

    def result(self, seq: int) -> None:
        if seq > HANDED or self.status(seq) not in {S.PREPARED, S.RETRYING}:
            return
        new = self.chance.choice([S.SENT, S.FAILED, S.IN_DOUBT, S.IN_DOUBT])
        Try.objects.filter(delivery=self.delivery, seq=seq).delete()
        Message.objects.filter(delivery=self.delivery, seq=seq).update(status=new, tries=1, at=clock.now())
        if new == S.IN_DOUBT:
            Doubt.objects.create(delivery=self.delivery, seq=seq, since=clock.now(), token=7)

    def again(self, seq: int) -> None:
        if self.is_sending():
            resolutions.send_again(delivery_id=self.delivery.pk, seqs=[seq])

    def report(self, seq: int) -> None:
        kind = self.chance.choice(["5.1.1", "5.2.2", "complaint"])
        raw = (
            complaint_of(self.delivery, seq)
            if kind == "complaint"
            else bounce_of(self.delivery, seq, status=kind)
        )
        storing.store(raw)
        storing.store(raw)

    def read(self, _seq: int) -> None:
        jobs.read_mail()

    def stop(self, _seq: int) -> None:
        control.stop(delivery=self.delivery, by=person("start", self.delivery.unit), at=clock.now())

    def is_sending(self) -> bool:
        return Delivery.objects.get(pk=self.delivery.pk).status == Status.SENDING


def end_of(delivery: Delivery) -> dict[str, object]:
    """Everything that reports change, as it stands."""
    return {
        "rows": list(
            Message.objects.filter(delivery=delivery).order_by("seq").values_list("status", "nature")
        ),
        "reports": sorted(Report.objects.values_list("pk", "outcome")),
        "errors": AddressError.objects.count(),
        "addresses": sorted(Quarantine.objects.values_list("address_key", "status", "errors")),
    }


@pytest.mark.parametrize("seed", [4, 5])
def test_after_send_again_and_after_a_stop_books_balance_and_figures_agree(seed):
    chance = random.Random(seed)
    send = Send(chance)
    seqs = range(1, MESSAGES + 1)
    steps = [(step, seq) for seq in seqs for step in ("result", "result", "again", "again", "report")]
    chance.shuffle(steps)
    steps = [*steps[:60], ("stop", 0), *steps[60:]]

    for number, (step, seq) in enumerate(steps):
        getattr(send, step)(seq)
        if number % 12 == 0:
            send.read(seq)
    for seq in seqs[-6:]:  # weeks later
        send.report(seq)
    jobs.read_mail()
    ended = end_of(send.delivery)
    jobs.read_mail()

    assert end_of(send.delivery) == ended
    assert books.imbalance(send.delivery) == {}
    assert reconciliation.reconcile(send.delivery.pk).balanced
    rows = Counter(status for status, _nature in ended["rows"])
    counts = statistics.counts(Delivery.objects.get(pk=send.delivery.pk))
    assert (counts.delivered, counts.failed) == (rows[S.SENT], rows[S.BOUNCED] + rows[S.FAILED])
    assert {S.BOUNCED, S.CANCELLED} <= set(rows)
    again = set(SentAgain.objects.values_list("seq", flat=True))
    bounced = {seq for seq, (status, _nature) in enumerate(ended["rows"], start=1) if status == S.BOUNCED}
    assert again
    assert not again & bounced
    waits = {Report.objects.get(pk=pk).seq for pk, outcome in ended["reports"] if outcome == Outcome.WAITS}
    assert {send.status(seq) for seq in waits} <= {S.PREPARED, S.RETRYING}
