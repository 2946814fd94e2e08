"""From a mail on standard input to the message, the figures and the address: one report, all the way."""

import io
import os
import sys

import pytest
from django.core.management import CommandError, call_command

from audiences.models import Quarantine
from campaign.stack.module_db import once
from deliveries.ledger import books
from deliveries.models import Bounce, Message, MessageStatus, SentAgain
from deliveries.operations import reconciliation
from deliveries.tests.ledger_rows import statuses
from feedback import jobs
from feedback.intake import storing
from feedback.models import IncomingMail, Outcome, Report
from feedback.tests.mails import SIGNS, bounce_of, return_path
from reporting.counting import statistics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@once
def one_sent():
    return delivery_with(sent=1)


@once
def two_sent():
    return delivery_with(sent=2)


class _Standard:
    """Standard input of a command."""

    def __init__(self, octets: bytes) -> None:
        self.buffer = io.BytesIO(octets)


@pytest.fixture
def receive(monkeypatch):
    def run(raw: bytes, **options: str) -> None:
        monkeypatch.setattr(sys, "stdin", _Standard(raw))
        call_command("receive_bounce", **options)

    return run


def came_back(raw: bytes) -> Report:
    """The mail is stored and read by a worker; its first report."""
    storing.store(raw)
    jobs.read_mail()
    return Report.objects.filter(is_current=True).latest("id")


def test_a_bounce_on_standard_input_reaches_message_figures_and_address(receive, work):
    delivery = delivery_with(sent=3)

    receive(bounce_of(delivery, 2))
    work()

    message = Message.objects.get(delivery=delivery, seq=2)
    assert statuses(delivery) == ["SENT", "BOUNCED", "SENT"]
    assert (message.nature, message.reason, message.reply) == ("hard", "user_unknown", "2.0.0 Ok")
    assert "user unknown" in Bounce.objects.get(delivery=delivery, seq=2).text
    counts = statistics.counts(delivery)
    assert (counts.sent, counts.delivered, counts.failed) == (3, 2, 1)
    assert books.imbalance(delivery) == {}
    assert reconciliation.reconcile(delivery.pk).balanced
    entry = Quarantine.objects.get(address_key=message.address_key)
    assert (entry.status, entry.reason, entry.errors) == ("quarantine", "user_unknown", 1)


def test_a_mail_that_comes_twice_is_stored_once(receive, work, one_sent):
    raw = bounce_of(one_sent)

    receive(raw)
    receive(raw)
    work()
    receive(raw)
    work()

    assert IncomingMail.objects.count() == 1
    assert bytes(IncomingMail.objects.get().raw) == raw
    assert Report.objects.count() == 1


@pytest.mark.parametrize(("raw", "code"), [(b"", os.EX_DATAERR), (b"x" * 101, os.EX_DATAERR)])
def test_a_mail_that_can_never_be_stored_is_refused_for_good(receive, settings, raw, code):
    settings.SINETE = {**settings.SINETE, "incoming_octets": 100}

    with pytest.raises(CommandError) as refused:
        receive(raw)

    assert refused.value.returncode == code
    assert not IncomingMail.objects.exists()


@pytest.mark.parametrize("sign", SIGNS)
def test_each_of_our_signs_alone_names_the_message(sign, two_sent):
    report = came_back(bounce_of(two_sent, 2, signs=(sign,)))

    assert (report.evidence, report.outcome) == (sign, Outcome.BOUNCED)
    assert statuses(two_sent) == ["SENT", "BOUNCED"]


def test_the_address_of_the_envelope_names_the_message_where_the_mail_does_not(receive, work, one_sent):
    receive(bounce_of(one_sent, signs=()), recipient=return_path(one_sent.key, 1))
    work()

    assert statuses(one_sent) == ["BOUNCED"]


def test_a_report_without_a_sign_of_ours_is_kept_and_changes_nothing(one_sent):
    report = came_back(bounce_of(one_sent, signs=()))

    assert report.outcome == Outcome.UNSIGNED
    assert statuses(one_sent) == ["SENT"]
    assert not Quarantine.objects.exists()


def test_a_report_that_bears_the_signs_of_two_messages_proves_neither(two_sent):
    raw = bounce_of(two_sent, 1, signs=("header",))

    raw = raw.replace(b"bounces@example.com", return_path(two_sent.key, 2).encode())

    assert came_back(raw).outcome == Outcome.CONFLICTING
    assert statuses(two_sent) == ["SENT", "SENT"]


def test_a_report_of_a_ledger_that_is_gone_is_kept_and_changes_nothing(one_sent):
    assert came_back(bounce_of(one_sent, key=4711)).outcome == Outcome.GONE
    assert came_back(bounce_of(one_sent, seq=77, recipient="a@example.com")).outcome == Outcome.GONE
    assert statuses(one_sent) == ["SENT"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [("failed", "stays"), ("ignored", "stays"), ("cancelled", "stays"), ("retrying", "waits")],
)
def test_a_message_that_ended_otherwise_or_waits_stays_as_it_is(state, outcome):
    delivery = delivery_with(sending=True, recipients=2, **{state: 1})

    assert came_back(bounce_of(delivery)).outcome == outcome
    assert statuses(delivery) == [state.upper(), "PREPARED"]


def test_a_report_that_comes_before_the_result_waits_for_it():
    delivery = delivery_with(sending=True, recipients=1)
    report = came_back(bounce_of(delivery))
    assert (report.outcome, statuses(delivery)) == (Outcome.WAITS, ["PREPARED"])

    Message.objects.filter(delivery=delivery).update(status=MessageStatus.SENT, tries=1)

    jobs.read_mail()

    report.refresh_from_db()
    assert (report.outcome, statuses(delivery)) == (Outcome.BOUNCED, ["BOUNCED"])


def test_a_bounce_settles_an_unknown_outcome():
    delivery = delivery_with(in_doubt=2)

    came_back(bounce_of(delivery, 1))

    assert statuses(delivery) == ["BOUNCED", "IN_DOUBT"]
    assert reconciliation.reconcile(delivery.pk).balanced


def test_a_delay_of_an_unknown_outcome_proves_that_it_left():
    delivery = delivery_with(in_doubt=1, sent=1)

    reports = [came_back(bounce_of(delivery, seq, action="delayed")) for seq in (1, 2)]

    assert statuses(delivery) == ["SENT", "SENT"]
    assert {report.outcome for report in reports} == {Outcome.ARRIVED, Outcome.NOTED}
    assert not Quarantine.objects.exists()


def test_a_message_that_was_sent_again_is_not_moved(one_sent):
    SentAgain.objects.create(delivery=one_sent, seq=1, since=one_sent.created_at)

    assert came_back(bounce_of(one_sent)).outcome == Outcome.SENT_AGAIN
    assert statuses(one_sent) == ["SENT"]


def test_soft_becomes_hard_and_hard_stays(one_sent):
    natures = []
    for status in ("5.2.2", "5.1.1", "5.2.2"):
        came_back(bounce_of(one_sent, status=status))
        natures.append(Message.objects.get(delivery=one_sent).nature)

    assert natures == ["soft", "hard", "hard"]
    assert books.imbalance(one_sent) == {}


def test_what_fails_at_a_forwarders_address_counts_softly_against_ours(one_sent):
    came_back(bounce_of(one_sent, recipient="elsewhere@example.net"))

    entry = Quarantine.objects.get()
    assert (statuses(one_sent), entry.status, entry.errors) == (["BOUNCED"], "erroneous", 1)
    assert entry.address_key == Message.objects.get(delivery=one_sent).address_key
