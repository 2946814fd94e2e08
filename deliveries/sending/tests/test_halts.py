"""Stop all sending: nothing leaves after the receipt, and everything goes on once it is allowed again."""

import json
import threading
from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import units
from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries import proofs
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Chunk, Delivery, Halt, Message, MessageStatus, Occurrence, Series, Status, Try
from deliveries.sending import control, gate
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def stop_all(unit=None, by=None, reason="Wrong price"):
    unit = unit or root()
    return halts.stop_all(unit=unit, by=by or person("start", unit), at=clock.now(), reason=reason)


def allow(unit=None):
    unit = unit or root()
    return halts.allow(unit=unit, by=person("start", unit), at=clock.now())


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


# -- what people see -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_list_and_the_dashboard_say_that_it_is_held_and_why(client, stage, words):
    delivery = DeliveryFactory(unit=UnitFactory(), **{stage: True})
    client.force_login(UserFactory(roles={"prepare": root()}))
    stop_all(reason="Wrong price")

    listed = client.get(reverse("deliveries:list")).content.decode()
    shown = client.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()

    assert f">{words}</span>" in listed
    assert '<span class="cell-sub">Wrong price</span>' in listed
    assert f">{words}</span>" in shown


@pytest.mark.parametrize("stage", ["scheduled", "sending", "paused"])
def test_the_deployment_block_says_who_holds_it_and_how_it_goes_on(client, stage):
    delivery = DeliveryFactory(**{stage: True})
    client.force_login(person("prepare", root()))
    stop_all(reason="Wrong price")
    name = "deliveries:progress" if stage == "scheduled" else "reporting:block"

    block = client.get(reverse(name, args=[delivery.pk])).content.decode()

    assert "Held" in block
    assert "Wrong price" in block
    assert "allow_sending" in block


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_desk_says_that_it_is_held(client, stage, words):
    delivery = DeliveryFactory(unit=UnitFactory(), **{stage: True})
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    stop_all(reason="Wrong price")

    listed = client.get("/admin/deliveries/delivery/").content.decode()
    shown = client.get(f"/admin/deliveries/delivery/{delivery.pk}/change/").content.decode()

    assert in_a_tag(words, listed)
    assert in_a_tag(words, shown)


def test_the_desk_says_that_a_run_is_held(client):
    run, now = DeliveryFactory(scheduled=True), clock.now()
    series = Series.objects.create(
        delivery=DeliveryFactory(), rule="FREQ=DAILY", starts_on=now.date(), at=now.time()
    )
    Occurrence.objects.create(series=series, moment=now, execution=run)
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    stop_all()

    listed = client.get("/admin/deliveries/occurrence/").content.decode()

    assert in_a_tag("Held", listed)


def in_a_tag(words, page):
    return f">{words}<" in "".join(line.strip() for line in page.splitlines())


def asked(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("stage", "words"), [("scheduled", "Held"), ("sending", "Held"), ("paused", "Paused and held")]
)
def test_the_commands_say_that_it_is_held_and_why(stage, words):
    delivery = DeliveryFactory(label="July offers", unit=UnitFactory(), **{stage: True})
    stop_all(by=UserFactory(username="ana", roles={"start": root()}), reason="Wrong price")

    listed, shown = asked("list_deliveries"), asked("show_delivery", delivery.name)
    (row,) = json.loads(asked("list_deliveries", "--json"))["deliveries"]
    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    assert listed.splitlines()[1].endswith("July offers (Wrong price)")
    assert f" {words} " in listed
    assert f"“July offers”: {words}\n" in shown
    assert "Wrong price" in shown
    for found in (row, one):
        assert (found["status"], found["held"]) == (stage, True)
        assert (found["held_by"], found["held_because"]) == ("ana", "Wrong price")


def test_the_commands_say_that_nothing_holds_it():
    delivery = DeliveryFactory(unit=UnitFactory(), scheduled=True)
    stop_all(UnitFactory())

    (row,) = json.loads(asked("list_deliveries", "--json"))["deliveries"]
    one = json.loads(asked("show_delivery", delivery.name, "--json"))

    assert [(found["held"], found["held_because"]) for found in (row, one)] == [(False, None)] * 2


def test_both_lists_take_the_same_queries_for_1_and_25_held_deliveries(client):
    client.force_login(UserFactory(is_staff=True, roles={"prepare": root()}))
    DeliveryFactory(sending=True, recipients=1)
    stop_all()

    def taken():
        asked("list_deliveries")
        client.get("/admin/deliveries/delivery/")  # what is read once for the life of a process
        with CaptureQueriesContext(connection) as command:
            asked("list_deliveries")
        with CaptureQueriesContext(connection) as page:
            client.get("/admin/deliveries/delivery/")
        return len(command), len(page)

    with_one = taken()
    allow()
    for _ in range(24):
        DeliveryFactory(sending=True, recipients=1)
    stop_all()

    assert taken() == with_one
    assert max(with_one) <= 20


def test_a_delivery_beside_the_stopped_branch_is_not_called_held(client):
    unit = UnitFactory()
    DeliveryFactory(unit=unit, scheduled=True)
    client.force_login(UserFactory(roles={"prepare": root()}))
    stop_all(UnitFactory(), reason="Wrong price")

    assert ">Held</span>" not in client.get(reverse("deliveries:list")).content.decode()


def test_a_refusal_names_the_way_back():
    delivery = DeliveryFactory(ready=True)
    stop_all(reason="Wrong price")

    with pytest.raises(gate.SendingHalted, match=r"Wrong price.*Allow sending again.*allow_sending"):
        confirmation.confirm(
            delivery=delivery, seal=delivery.seal, by=person("start", root()), at=clock.now()
        )


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


# -- the operators' desk ---------------------------------------------------------------------------------

DESK = "/admin/deliveries/halt/"


def test_operators_stop_and_allow_at_the_desk(client):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    client.force_login(UserFactory(is_staff=True, roles={"start": root()}))

    listed = client.get(DESK).content.decode()
    asked = client.get(f"{DESK}stop/").content.decode()
    said = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": "Wrong price"}).content.decode()
    halt = Halt.objects.in_force().get()
    row = client.get(f"{DESK}{halt.pk}/change/").content.decode()
    client.post(f"{DESK}{halt.pk}/allow/")

    assert "Stop all sending" in listed
    assert delivery.label in asked
    assert "3 are held" in said
    assert "Allow sending again" in row
    assert not Halt.objects.in_force().exists()
    faces = AuditEvent.objects.filter(action__in=["stop_all_sending", "allow_sending"])
    assert list(faces.values_list("face", flat=True)) == ["admin", "admin"]


def test_the_desk_asks_for_a_reason_too(client):
    client.force_login(UserFactory(is_staff=True, roles={"start": root()}))

    answer = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": " "}, follow=True)

    assert "Say why" in answer.content.decode()
    assert not Halt.objects.exists()


def test_a_superuser_without_start_is_shown_no_button_and_gets_403_and_an_event(client):
    stop_all()
    halt = Halt.objects.in_force().get()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    shown = client.get(DESK).content.decode() + client.get(f"{DESK}{halt.pk}/change/").content.decode()
    stopped = client.post(f"{DESK}stop/", {"unit": root().pk, "reason": "x"})
    allowed = client.post(f"{DESK}{halt.pk}/allow/")

    assert f'action="{DESK}' not in shown
    assert (stopped.status_code, allowed.status_code) == (403, 403)
    assert AuditEvent.objects.filter(refused=True, face="admin").count() == 2
    assert Halt.objects.in_force().get() == halt


def test_a_stop_in_a_parallel_branch_is_hidden_at_the_desk(client):
    halt = stop_all(UnitFactory()).halt
    client.force_login(UserFactory(is_staff=True, roles={"start": UnitFactory()}))

    assert client.post(f"{DESK}{halt.pk}/allow/").status_code == 404
    assert client.get(f"{DESK}{halt.pk}/allow/").status_code == 405
