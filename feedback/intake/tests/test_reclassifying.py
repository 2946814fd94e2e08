"""After a rule was changed: what would change, that it does, and that it is as before again."""

import dataclasses
from datetime import timedelta

import pytest
from django.core.management import call_command

from accounts.access import NotAllowed
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Quarantine
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Doubt, Message
from deliveries.operations import reconciliation
from deliveries.tests.ledger_rows import statuses
from feedback import jobs, reports
from feedback.intake import reclassifying, storing
from feedback.models import Reclassification, Report
from feedback.tests.mails import bounce_of
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return UserFactory(roles={"administration": root()})


@once
def delivery():
    """A hard bounce, a soft one, one of an unknown outcome, and one that no rule concerns."""
    made = delivery_with(sent=3, in_doubt=1)
    for seq, status in ((1, "5.1.1"), (2, "5.2.2"), (4, "5.1.1"), (3, "5.3.0")):
        storing.store(bounce_of(made, seq, status=status))
    jobs.read_mail()
    return made


@pytest.fixture
def new_rules(monkeypatch):
    """From now on what was hard is a delay, and a full mailbox is hard."""
    old = reports.read

    def read(raw: bytes) -> reports.Report:
        found = old(raw)
        changed = tuple(
            dataclasses.replace(
                each,
                kind={"5.1.1": "delayed", "5.2.2": "hard"}.get(each.status, each.kind),
                reason={"5.1.1": ""}.get(each.status, each.reason),
            )
            for each in found.recipients
        )
        return dataclasses.replace(found, kind=changed[0].kind, recipients=changed)

    return lambda: monkeypatch.setattr(reports, "read", read)


def standing(delivery):
    rows = Message.objects.filter(delivery=delivery).order_by("seq")
    return (
        list(rows.values_list("status", "nature", "reason", "reply")),
        sorted(
            Quarantine.objects.exclude(status="valid").values_list(
                "address_key", "status", "errors", "reason"
            )
        ),
        list(Doubt.objects.filter(delivery=delivery).values("seq", "token", "since")),
    )


def begin(operator):
    now = clock.now()
    run = reclassifying.start(
        since=now - timedelta(days=1), until=now + timedelta(days=1), by=operator, at=now
    )
    reclassifying.work_off()
    run.refresh_from_db()
    return run


def test_a_preview_says_what_would_change_and_changes_nothing(delivery, operator, new_rules):
    before = standing(delivery)
    new_rules()

    run = begin(operator)

    assert (run.status, run.mails, run.changed) == ("ready", 4, 3)
    assert run.messages == {"bounced hard → sent": 2, "bounced soft → bounced hard": 1}
    assert run.addresses == {"quarantine → valid": 2, "erroneous → quarantine": 1}
    assert standing(delivery) == before
    jobs.read_mail()
    assert standing(delivery) == before


def test_what_is_applied_counts_and_undone_everything_is_as_before(delivery, operator, new_rules):
    before = standing(delivery)
    new_rules()
    run = begin(operator)

    reclassifying.apply(run=run, by=operator)
    jobs.read_mail()
    jobs.read_mail()

    assert statuses(delivery) == ["SENT", "BOUNCED", "BOUNCED", "SENT"]
    assert sorted(Quarantine.objects.values_list("status", flat=True)) == [
        "erroneous", "quarantine", "valid", "valid",
    ]  # fmt: skip
    assert reconciliation.reconcile(delivery.pk).balanced

    reclassifying.undo(run=run, by=operator)
    jobs.read_mail()
    jobs.read_mail()

    rows, addresses, _doubts = standing(delivery)
    # What is known to have left stays known: the relay took it before it bounced.
    assert [row[:3] for row in rows] == [row[:3] for row in before[0]]
    assert addresses == before[1]
    assert Report.objects.filter(is_current=True, run=None).count() == 4
    assert reconciliation.reconcile(delivery.pk).balanced


def test_only_the_latest_that_was_applied_can_be_undone(delivery, operator, new_rules, monkeypatch):
    new_rules()
    first = begin(operator)
    reclassifying.apply(run=first, by=operator)
    reclassifying.work_off()
    monkeypatch.undo()
    second = begin(operator)
    reclassifying.apply(run=second, by=operator)
    reclassifying.work_off()

    with pytest.raises(reclassifying.ReadSince):
        reclassifying.undo(run=first, by=operator)
    for run in (second, first):
        reclassifying.undo(run=run, by=operator)
        reclassifying.work_off()

    assert statuses(delivery) == ["BOUNCED"] * 4


def test_each_step_is_taken_once_and_by_whoever_may(delivery, operator):
    run = begin(operator)
    stranger = UserFactory(roles={"prepare": root()})

    with pytest.raises(NotAllowed):
        reclassifying.apply(run=run, by=stranger)
    with pytest.raises(reclassifying.NotReady):
        reclassifying.undo(run=run, by=operator)
    reclassifying.apply(run=run, by=operator)
    with pytest.raises(reclassifying.NotReady):
        reclassifying.apply(run=run, by=operator)
    with pytest.raises(reclassifying.NoSpan):
        reclassifying.start(since=run.until, until=run.since, by=operator, at=clock.now())


def test_by_command(delivery, operator, new_rules, capsys):
    new_rules()

    call_command("reclassify_mail", since="2020-01-01", until="2029-01-01", person=operator.username)
    run = Reclassification.objects.get()
    call_command("reclassify_mail", apply=run.pk, person=operator.username)
    call_command("reclassify_mail", undo=run.pk, person=operator.username)

    assert "2 messages: bounced hard → sent" in capsys.readouterr().out
    assert statuses(delivery) == ["BOUNCED"] * 4
