"""Stop all sending: nothing leaves after the receipt, and everything goes on once it is allowed again."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection, transaction
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import units
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries import proofs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Chunk, Delivery, Halt, Message, MessageStatus, Status, Try
from deliveries.sending import control, gate
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.halts import allow, stop_all
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_nothing_leaves_while_all_sending_is_stopped_and_everything_afterwards(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=4)

    receipt = stop_all()
    send(delivery)

    assert (receipt.left, receipt.held) == (0, 4)
    assert relay.recipients() == []
    assert delivery.status == Status.SCHEDULED
    allow()
    send(delivery)
    assert delivery.status == Status.FINISHED
    assert len(relay.recipients()) == 4


@pytest.mark.django_db(transaction=True)
def test_a_lane_under_way_hands_over_nothing_after_the_receipt():
    delivery = DeliveryFactory(sending=True, recipients=60)
    receipts = []

    async def stop_after_the_first_window(pool):
        if pool.waiting and not receipts:
            receipts.append(await sync_to_async(stop_all, thread_sensitive=False)())
        return pool.take(len(pool.waiting))

    run_lane(delivery, ScriptedPool(stop_after_the_first_window))

    sent = Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).count()
    assert (receipts[0].left, receipts[0].held) == (sent, 60 - sent)
    assert 0 < sent < 60
    assert gate.lane_config(delivery.pk) is None


@pytest.mark.parametrize("stage", ["ready", "paused"])
def test_nobody_releases_anything_meanwhile(stage):
    delivery = DeliveryFactory(**{stage: True})
    by = person("start", root())
    stop_all()

    with pytest.raises(gate.SendingHalted):
        if stage == "ready":
            confirmation.confirm(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())
        else:
            control.resume(delivery=delivery, by=by, at=clock.now())


def test_a_proof_that_waited_in_the_queue_does_not_leave_either(work):
    delivery = DeliveryFactory()
    proof = proofs.send(
        delivery=delivery,
        by=person("prepare", delivery.unit),
        at=clock.now(),
        test_profiles=[TestProfileFactory(unit=delivery.unit)],
    )
    stop_all()

    proofs.run(proof_id=proof.pk)

    (copy,) = proof.messages.all()
    assert copy.status == copy.Status.FAILED
    assert "stopped all sending" in copy.reply


def test_a_halt_holds_what_is_below_its_unit_and_nothing_beside_it():
    above, beside = UnitFactory(), UnitFactory()
    below = DeliveryFactory(unit=UnitFactory(parent=above), scheduled=True)
    other = DeliveryFactory(unit=beside, scheduled=True)

    receipt = stop_all(above)

    assert [one.delivery for one in receipt.deliveries] == [below]
    assert not gate.begin(below.pk)
    assert gate.begin(other.pk)


def test_only_holders_of_start_on_the_unit_may_stop_or_allow():
    unit = UnitFactory()
    stop_all(unit)

    for somebody in (UserFactory(roles={"prepare": unit}), UserFactory(is_superuser=True)):
        with pytest.raises(NotAllowed):
            stop_all(unit, by=somebody)
        with pytest.raises(NotAllowed):
            halts.allow(unit=unit, by=somebody, at=clock.now())


def test_a_reason_is_asked_for():
    with pytest.raises(halts.HaltReasonMissing):
        stop_all(reason="  ")

    assert not Halt.objects.exists()


def test_it_is_stopped_once_and_allowed_once():
    stop_all()
    with pytest.raises(halts.AlreadyHalted):
        stop_all()
    allow()
    with pytest.raises(halts.NotHalted):
        allow()


def test_no_proof_leaves_either():
    delivery = DeliveryFactory()
    stop_all()

    with pytest.raises(gate.SendingHalted):
        proofs.send(
            delivery=delivery,
            by=person("prepare", delivery.unit),
            at=clock.now(),
            test_profiles=[TestProfileFactory(unit=delivery.unit)],
        )


def test_both_decisions_are_in_the_audit_trail():
    stop_all()
    allow()

    assert [event.action for event in AuditEvent.objects.filter(action__contains="send").order_by("id")][
        -2:
    ] == [
        "stop_all_sending",
        "allow_sending",
    ]


def test_the_page_asks_shows_the_receipt_and_a_banner_with_the_way_back(client):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    client.force_login(person("start", root()))

    asked = client.get(reverse("deliveries:stop-all")).content.decode()
    said = client.post(reverse("deliveries:stop-all"), {"unit": root().pk, "reason": "Wrong price"})
    page = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()
    client.post(reverse("deliveries:allow-sending"), {"unit": root().pk})

    assert delivery.label in asked
    assert "3 are held" in said.content.decode()
    assert "Wrong price" in page
    assert "Allow sending again" in page
    assert not Halt.objects.in_force().exists()


def test_a_forged_post_gets_403_and_leaves_an_event(client):
    client.force_login(person("prepare", root()))

    answer = client.post(reverse("deliveries:stop-all"), {"unit": root().pk, "reason": "x"})

    assert answer.status_code == 403
    assert AuditEvent.objects.filter(refused=True).exists()
    assert not Halt.objects.exists()


def test_the_commands_print_a_receipt_and_allow_again():
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    by = person("start", root())
    out = StringIO()

    call_command("stop_all_sending", "--reason", "Wrong price", "--as", by.username, "--json", stdout=out)

    assert json.loads(out.getvalue())["deliveries"] == [
        {"delivery": delivery.name, "left": 0, "held": 3, "unsent": 0}
    ]
    call_command("allow_sending", "--as", by.username, "--json", stdout=StringIO())
    assert not Halt.objects.in_force().exists()


def test_a_later_try_that_is_on_its_way_counts_as_left():
    delivery = DeliveryFactory(sending=True, recipients=3)
    chunk = Chunk.objects.get(delivery=delivery)
    Chunk.objects.filter(delivery=delivery).update(handed_upto=chunk.seq_to, sent=2, retrying=1)
    now = clock.now()
    Try.objects.create(
        delivery=delivery,
        seq=chunk.seq_to,
        due_at=now,
        tries=1,
        handed=True,
        lease_until=now + timedelta(minutes=1),
    )

    receipt = stop_all()

    assert (receipt.left, receipt.held) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_a_proof_that_was_about_to_leave_when_the_receipt_came_stays(work):
    delivery = DeliveryFactory()
    proof = proofs.send(
        delivery=delivery,
        by=person("prepare", delivery.unit),
        at=clock.now(),
        test_profiles=[TestProfileFactory(unit=delivery.unit)],
    )
    by = person("start", root())

    def run():
        try:
            proofs.run(proof_id=proof.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=run)
    with transaction.atomic():
        Delivery.objects.locked(delivery.pk)
        worker.start()
        wait_until(somebody_waits_for_a_lock, "the worker waits for the row")
        Halt.objects.create(unit=root(), by=by, at=clock.now(), reason="Now")
    worker.join(60)

    (copy,) = proof.messages.all()
    assert copy.status == copy.Status.FAILED
    assert "stopped all sending" in copy.reply


def test_the_way_back_is_shown_to_those_who_may_take_it_alone(client):
    stop_all()
    client.force_login(person("prepare", root()))

    page = client.get(reverse("deliveries:list")).content.decode()

    assert "Wrong price" in page
    assert "Allow sending again" not in page


# -- a branch that moves ---------------------------------------------------------------------------------


@pytest.fixture
def administrator():
    return UserFactory(is_superuser=True)


def test_a_unit_does_not_leave_a_stopped_branch(administrator):
    above, elsewhere = UnitFactory(), UnitFactory()
    unit = UnitFactory(parent=above)
    delivery = DeliveryFactory(unit=unit, scheduled=True)
    stop_all(above)

    with pytest.raises(halts.MovesOutOfHalt):
        units.move_unit(unit=unit, parent=elsewhere, by=administrator)

    assert not gate.begin(delivery.pk)
    allow(above)
    units.move_unit(unit=unit, parent=elsewhere, by=administrator)
    assert gate.begin(delivery.pk)


def test_a_unit_moves_where_it_stays_held(administrator):
    above, elsewhere = UnitFactory(), UnitFactory()
    own, other = UnitFactory(parent=above), UnitFactory(parent=above)
    stop_all(above)
    stop_all(own)
    stop_all(elsewhere)

    units.move_unit(unit=own, parent=root(), by=administrator)
    units.move_unit(unit=other, parent=elsewhere, by=administrator)

    for unit in (own, other):
        unit.refresh_from_db()
        assert Halt.objects.covering(unit).exists()


@pytest.mark.django_db(transaction=True)
def test_a_stop_waits_for_a_unit_that_is_being_moved_and_holds_what_is_below_by_then(administrator):
    above, unit = UnitFactory(), UnitFactory()
    delivery = DeliveryFactory(unit=unit, scheduled=True)
    by, receipts = person("start", above), []

    def stop():
        try:
            receipts.append(stop_all(above, by=by))
        finally:
            connection.close()

    stopping = threading.Thread(target=stop)
    with transaction.atomic():
        units.move_unit(unit=unit, parent=above, by=administrator)
        stopping.start()
        wait_until(somebody_waits_for_a_lock, "the stop waits for the move")
    stopping.join(60)

    assert [one.delivery for one in receipts[0].deliveries] == [delivery]
