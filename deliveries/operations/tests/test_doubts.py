"""What people do about messages with unknown outcome, and what evidence does by itself."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from audiences.models import Profile
from campaign.lib import clock
from deliveries import jobs
from deliveries.commands.base import DeliveriesCommand
from deliveries.ledger import recovery, resolutions
from deliveries.models import Delivery, Doubt, Message, MessageStatus, SentAgain, Status, Try
from deliveries.operations import doubts
from deliveries.operations.doubts import Decision
from deliveries.sending import control
from deliveries.sending.rows import Entry
from deliveries.tests.doubts import decide, in_doubt
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import abandon_a_window, execute, expire_leases, statuses
from deliveries.tests.scripted_lanes import with_ledger
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


# -- the three decisions --------------------------------------------------------------------------------


def test_hold_leaves_a_note_and_nothing_else():
    delivery = in_doubt()

    receipt = decide(delivery, Decision.HOLD, [1], reason="We asked the relay's postmaster")

    assert receipt.done == 1
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "SENT", "SENT"]
    notes = Doubt.objects.filter(delivery=delivery).order_by("seq").values_list("note", flat=True)
    assert list(notes) == ["We asked the relay's postmaster", ""]


def test_count_as_sent_counts_as_sent():
    delivery = in_doubt()

    decide(delivery, Decision.COUNT_AS_SENT, [2])

    assert statuses(delivery) == ["IN_DOUBT", "SENT", "SENT", "SENT"]
    assert recovery.imbalance(delivery) == {}


def test_send_again_of_a_finished_delivery_sends_to_those_and_nobody_else(relay):
    delivery = in_doubt()
    addresses = Message.objects.filter(delivery=delivery).order_by("seq").values_list("address", flat=True)

    decide(delivery, Decision.SEND_AGAIN)
    delivery.refresh_from_db()
    assert delivery.status == Status.SENDING
    send(delivery)

    assert relay.recipients() == sorted(addresses[:2])
    assert statuses(delivery) == ["SENT"] * 4
    assert delivery.status == Status.FINISHED
    assert recovery.imbalance(delivery) == {}


def test_all_of_a_delivery_is_decided_chunk_by_chunk(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=5)
    execute(
        "UPDATE deliveries_chunk SET token = 1, handed_upto = seq_to, lease_until = sinete_clock() - interval '1 second'"
        " WHERE delivery_id = %s",
        delivery.pk,
    )
    look.tick()

    assert decide(delivery, Decision.COUNT_AS_SENT).done == 5

    assert statuses(delivery) == ["SENT"] * 5
    assert recovery.imbalance(delivery) == {}


def test_a_paused_delivery_sends_again_once_it_is_resumed(relay):
    delivery = DeliveryFactory(sending=True, recipients=2)
    abandon_a_window(delivery, 2)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    starter = person("start", delivery.unit)
    control.pause(delivery=delivery, by=starter, at=clock.now())

    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    assert relay.recipients() == []
    control.resume(delivery=delivery, by=starter, at=clock.now())
    send(delivery)

    assert len(relay.recipients()) == 2
    assert delivery.status == Status.FINISHED


# -- what is refused ------------------------------------------------------------------------------------


def test_send_again_waits_until_no_answer_can_come_any_more(settings):
    delivery = in_doubt(age=timedelta())
    last = Doubt.objects.filter(delivery=delivery).latest("since").since
    wait = timedelta(seconds=settings.SINETE["lease_seconds"] + settings.SINETE["smtp_reply_seconds"])

    with pytest.raises(doubts.TooSoon) as refusal:
        decide(delivery, Decision.SEND_AGAIN)
    with clock.shifted(wait - timedelta(seconds=30)), pytest.raises(doubts.TooSoon):
        decide(delivery, Decision.SEND_AGAIN)

    assert f"{last + wait:%Y-%m-%d %H:%M:%S}" in str(refusal.value)
    assert not Try.objects.filter(delivery=delivery).exists()
    with clock.shifted(wait):
        assert decide(delivery, Decision.SEND_AGAIN).done == 2


def test_a_stopped_delivery_sends_nothing_again():
    delivery = DeliveryFactory(sending=True, recipients=3)
    abandon_a_window(delivery, 2)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    with pytest.raises(doubts.StoppedForGood) as refusal:
        decide(delivery, Decision.SEND_AGAIN)

    assert "send the remainder" in str(refusal.value)
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "CANCELLED"]
    assert decide(delivery, Decision.COUNT_AS_SENT).done == 2


def test_nothing_is_sent_again_once_the_validity_period_is_over():
    delivery = in_doubt()

    with clock.shifted(timedelta(hours=delivery.validity_hours + 1)), pytest.raises(doubts.ValidityOver):
        decide(delivery, Decision.SEND_AGAIN)

    assert statuses(delivery)[:2] == ["IN_DOUBT", "IN_DOUBT"]


@pytest.mark.parametrize("role", ["prepare", "approve"])
def test_only_who_may_start_deliveries_decides(role):
    delivery = in_doubt()

    with pytest.raises(NotAllowed):
        decide(delivery, Decision.COUNT_AS_SENT, by=UserFactory(roles={role: delivery.unit}))


@pytest.mark.parametrize(
    ("seqs", "reason", "refusal"),
    [
        (None, "  ", doubts.ReasonMissing),
        ([], "Because", doubts.NothingChosen),
        ([3, 2**40, -1], "Because", doubts.NothingInDoubt),
    ],
)
def test_it_is_refused_without(seqs, reason, refusal):
    delivery = in_doubt()

    with pytest.raises(refusal):
        decide(delivery, Decision.COUNT_AS_SENT, seqs, reason=reason)


def test_who_opted_out_since_is_not_written_to_a_second_time():
    delivery = in_doubt()
    first = Message.objects.get(delivery=delivery, seq=1)
    Profile.objects.filter(pk=first.profile_id).update(no_email=True)

    receipt = decide(delivery, Decision.SEND_AGAIN)

    assert (receipt.done, receipt.opted_out) == (1, 1)
    assert statuses(delivery)[:2] == ["IN_DOUBT", "RETRYING"]


# -- two at once, late answers, evidence ----------------------------------------------------------------


def test_of_two_people_one_decides_and_the_other_is_told_how_many_were_settled():
    delivery = in_doubt(recipients=4, handed=3)
    starter = person("start", delivery.unit)

    first = decide(delivery, Decision.COUNT_AS_SENT, [1, 2], by=starter)
    second = decide(delivery, Decision.SEND_AGAIN, [2, 3], by=starter)

    assert (first.done, first.settled_before) == (2, 0)
    assert (second.done, second.settled_before) == (1, 1)
    with pytest.raises(doubts.NothingInDoubt):
        decide(delivery, Decision.COUNT_AS_SENT, expected=3, by=starter)


def test_two_at_the_same_moment_settle_each_message_once():
    delivery = in_doubt(recipients=6, handed=6)
    starter = person("start", delivery.unit)
    done, barrier = [], threading.Barrier(2)

    def run(decision):
        barrier.wait()
        try:
            done.append(decide(delivery, decision, by=starter).done)
        except doubts.NothingInDoubt:
            done.append(0)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[d]) for d in (Decision.COUNT_AS_SENT, Decision.SEND_AGAIN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [0, 6]
    assert recovery.imbalance(delivery) == {}


@pytest.mark.parametrize("status", [MessageStatus.SENT, MessageStatus.FAILED])
@pytest.mark.parametrize("later_try", [False, True])
def test_a_late_answer_of_the_old_hand_over_does_not_settle_what_is_sent_again(status, later_try):
    delivery = DeliveryFactory(sending=True, recipients=1)

    async def hand_over(ledger):
        hold = await ledger.claim()
        rows = (await ledger.exchange([hold], [], hand=hold, window=1)).rows
        if later_try:
            await ledger.exchange([hold], [Entry(rows[0], MessageStatus.RETRYING, retry_in=0.0)])
            await ledger.release([hold])
            rows = (await ledger.exchange([], [], later_tries=1)).rows
        return rows

    rows = with_ledger(delivery, hand_over)
    expire_leases(delivery)
    recovery.reclaim(delivery.pk)
    execute("UPDATE deliveries_doubt SET since = since - interval '1 hour'")
    decide(delivery, Decision.SEND_AGAIN)

    with_ledger(delivery, lambda ledger: ledger.exchange([], [Entry(rows[0], status)]))
    assert statuses(delivery) == ["RETRYING"]
    again = with_ledger(delivery, lambda ledger: ledger.exchange([], [], later_tries=1)).rows
    with_ledger(delivery, lambda ledger: ledger.exchange([], [Entry(rows[0], status)]))

    assert statuses(delivery) == ["RETRYING"]
    assert len(again) == 1
    assert again[0].token > rows[0].token


def test_what_was_to_be_sent_again_and_never_left_is_in_doubt_once_more():
    delivery = in_doubt()
    decide(delivery, Decision.SEND_AGAIN)
    delivery.refresh_from_db()

    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", "SENT", "SENT"]
    assert Doubt.objects.filter(delivery=delivery).count() == 2
    assert recovery.imbalance(delivery) == {}


def test_a_relay_that_is_full_until_the_validity_ends_leaves_the_doubt(relay):
    delivery = in_doubt(recipients=1, handed=1)
    relay.refuse_everybody("451 4.2.0 Later")
    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    assert statuses(delivery) == ["RETRYING"]

    with clock.shifted(timedelta(hours=delivery.validity_hours + 1)):
        look.tick()

    assert statuses(delivery) == ["IN_DOUBT"]
    assert recovery.imbalance(delivery) == {}


# -- audit and commands ---------------------------------------------------------------------------------


def test_the_decision_is_audited_with_numbers_and_no_address():
    delivery = in_doubt()
    starter = person("start", delivery.unit)

    decide(delivery, Decision.COUNT_AS_SENT, [1], by=starter, reason="They answered")

    event = AuditEvent.objects.get(action="unknown_outcome_count_as_sent")
    assert (event.actor, event.detail["number"], event.detail["rows"]) == (starter, 1, [1])
    assert event.detail["reason"] == "They answered"
    assert "@" not in json.dumps(event.detail)
    assert "They answered" in delivery.log.first().message


def run(*arguments):
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_commands_list_and_decide():
    delivery = in_doubt()
    starter = person("start", delivery.unit)

    listed = run("list_doubts", delivery.name)
    some = run(
        "resolve_doubts", delivery.name, "--count-as-sent", "--seq", 1, "--reason", "They wrote back",
        "--as", starter.username,
    )  # fmt: skip
    rest = run(
        "resolve_doubts", delivery.name, "--send-again", "--all", "--reason", "Not a trace of it",
        "--as", starter.username,
    )  # fmt: skip

    assert [row["seq"] for row in listed["doubts"]] == [1, 2]
    assert listed["doubts"][0]["address"]
    assert (some["done"], some["left"]) == (1, 1)
    assert (rest["done"], rest["left"], rest["status"]) == (1, 0, "sending")


def test_the_command_asks_for_a_reason():
    delivery = in_doubt()

    with pytest.raises(CommandError) as failure:
        run(
            "resolve_doubts",
            delivery.name,
            "--hold",
            "--all",
            "--as",
            person("start", delivery.unit).username,
        )

    assert failure.value.returncode == 2


def test_a_job_that_drains_after_send_again_finds_the_try(relay):
    delivery = in_doubt(recipients=1, handed=1)

    decide(delivery, Decision.SEND_AGAIN)
    jobs.drain(delivery_id=delivery.pk)

    assert len(relay.recipients()) == 1


# -- a second hand-over that fails ------------------------------------------------------------------------


def failed_the_second_time(relay) -> Delivery:
    delivery = in_doubt(recipients=4, handed=1)
    relay.refuse(Message.objects.get(delivery=delivery, seq=1).address, "550 5.1.1 No such user")
    decide(delivery, Decision.SEND_AGAIN)
    send(delivery)
    return delivery


def test_a_second_hand_over_that_fails_leaves_it_said_that_the_first_may_have_arrived(relay, client):
    delivery = failed_the_second_time(relay)
    client.force_login(UserFactory(is_staff=True, roles={"start": delivery.unit, "export": delivery.unit}))
    says = "Sent again; outcome of the first unknown"

    def page(name, *args):
        return client.get(reverse(name, args=[delivery.pk, *args]))

    assert statuses(delivery) == ["FAILED", "SENT", "SENT", "SENT"]
    assert recovery.imbalance(delivery) == {}
    assert page("reporting:window", "sending").content.decode().count(says) == 1
    assert says in page("reporting:message", 1).content.decode()
    assert says not in page("reporting:message", 2).content.decode()
    header, first, *_rest = page("reporting:export", "sending").getvalue().decode().splitlines()
    assert "Outcome of the first unknown since" in header
    since = SentAgain.objects.get(delivery=delivery).since
    assert f"{since:%Y-%m-%d %H:%M:%S}" in first
    assert says in page("admin:deliveries_delivery_listing", "sending-log").content.decode()
    out = StringIO()
    call_command("show_delivery", delivery.name, as_json=True, stdout=out)
    assert json.loads(out.getvalue())["sent_again"] == {"number": 1, "failed": 1}


def test_evidence_that_the_first_arrived_forgets_that_it_was_to_be_sent_again():
    delivery = in_doubt(recipients=4, handed=1)
    decide(delivery, Decision.SEND_AGAIN)
    assert SentAgain.objects.filter(delivery=delivery).exists()

    resolutions.arrived(delivery_id=delivery.pk, seq=1, note="opened")

    assert not SentAgain.objects.filter(delivery=delivery).exists()


# -- all of them, slice by slice --------------------------------------------------------------------------


@pytest.mark.parametrize("decision", Decision)
def test_all_is_decided_slice_by_slice_with_progress(decision, monkeypatch):
    monkeypatch.setattr(doubts, "SLICE", 2)
    delivery = in_doubt(recipients=6, handed=5)
    told = []

    receipt = decide(delivery, decision, progress=lambda done, of: told.append((done, of)))

    assert told == [(2, 5), (4, 5), (5, 5)]
    assert (receipt.done, receipt.settled_before, receipt.opted_out) == (5, 0, 0)
    assert recovery.imbalance(delivery) == {}
    events = AuditEvent.objects.filter(action=f"unknown_outcome_{decision.value}")
    assert [event.detail["number"] for event in events.order_by("id")] == [2, 2, 1]


def test_a_stop_between_two_slices_ends_it_and_what_was_decided_stays(monkeypatch):
    monkeypatch.setattr(doubts, "SLICE", 2)
    delivery = in_doubt(recipients=6, handed=5)

    def stop(done, of):
        control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    receipt = decide(delivery, Decision.SEND_AGAIN, progress=stop)

    assert receipt.done == 2
    assert statuses(delivery)[:5] == ["IN_DOUBT"] * 5  # the tries ended before they left
    assert recovery.imbalance(delivery) == {}


# -- the second question ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "more", "done"), [("no", [], False), ("ok", [], True), (None, ["--yes"], True)]
)
def test_sending_again_is_asked_once_more_at_a_terminal(monkeypatch, typed, more, done):
    delivery = in_doubt()
    asked = []
    monkeypatch.setattr(DeliveriesCommand, "asks", True)
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or typed)
    by = person("start", delivery.unit).username
    call = ["resolve_doubts", delivery.name, "--send-again", "--all", "--reason", "Lost", "--as", by, *more]

    if done:
        call_command(*call, stdout=StringIO())
    else:
        with pytest.raises(CommandError):
            call_command(*call, stdout=StringIO())

    assert Try.objects.filter(delivery=delivery).exists() == done
    assert bool(asked) == (typed is not None)
