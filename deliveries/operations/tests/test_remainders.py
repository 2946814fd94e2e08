"""The remainder of a stopped delivery reaches whom that never wrote to, and nobody twice."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.access import NotAllowed
from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from audiences.tests.factories import AudienceFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.ledger import recovery, resolutions
from deliveries.lifecycle import seal
from deliveries.models import Delivery, Exclusion, Message, MessageStatus
from deliveries.operations import remainders
from deliveries.preparation import staging
from deliveries.preparation import verbs as preparation
from deliveries.sending import control
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.ledger_rows import abandon_a_window, execute, expire_leases
from deliveries.tests.sends import send
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def stop(delivery):
    control.stop(delivery=delivery, by=person("start", delivery.unit), at=clock.now())
    delivery.refresh_from_db()


def stopped(recipients=6, sent=2, unknown=1, **more) -> Delivery:
    """Of its recipients the first were sent to, of the next the outcome is unknown, the rest never got it."""
    delivery = DeliveryFactory(sending=True, recipients=recipients, **more)
    if sent + unknown:
        abandon_a_window(delivery, sent + unknown)
        recovery.reclaim(delivery.pk)
    if sent:
        for seq in range(1, sent + 1):
            resolutions.arrived(delivery_id=delivery.pk, seq=seq, note="opened")
    stop(delivery)
    return delivery


def remainder_of(delivery, by=None) -> Delivery:
    return remainders.create(delivery=delivery, by=by or person("prepare", delivery.unit), at=clock.now())


def addresses(delivery, *statuses) -> list[str]:
    rows = Message.objects.filter(delivery=delivery, status__in=statuses) if statuses else delivery.messages
    return sorted(rows.values_list("address", flat=True))


def prepare(delivery):
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    preparation.run(preparation_id=run.pk)
    delivery.refresh_from_db()
    return delivery.latest_preparation()


def test_the_remainder_reaches_exactly_those_who_never_got_it(relay):
    original = stopped(recipients=8, sent=2, unknown=2)
    never = addresses(original, MessageStatus.CANCELLED)

    made = remainder_of(original)
    bring_to(made, "scheduled", by=person("prepare", made.unit))
    send(made)

    assert len(never) == 4
    assert relay.recipients() == never
    assert made.status == "finished"


def test_whose_later_try_was_cancelled_is_part_of_it(relay):
    original = DeliveryFactory(scheduled=True, recipients=3)
    late = Message.objects.get(delivery=original, seq=2).address
    relay.refuse(late, "451 4.2.0 Later", once=True)
    send(original)
    stop(original)

    made = remainder_of(original)
    bring_to(made, "scheduled", by=person("prepare", made.unit))
    send(made)

    assert relay.recipients() == addresses(original)
    assert addresses(made) == [late]


def test_who_opted_out_since_is_excluded_with_the_cause():
    original = stopped()
    first, second, _third = Message.objects.filter(delivery=original, status=MessageStatus.CANCELLED)
    Profile.objects.filter(pk=first.profile_id).update(no_email=True)

    made = remainder_of(original)
    run = prepare(made)

    assert (run.targeted, run.to_deliver, run.causes["opted_out"]) == (3, 2, 1)
    assert second.address in addresses(made)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_profile_that_has_the_address_of_somebody_who_perhaps_got_it_is_left_out(seq):
    original = stopped()
    reached = Message.objects.get(delivery=original, seq=seq)
    never = Message.objects.filter(delivery=original, status=MessageStatus.CANCELLED).first()
    Profile.objects.filter(pk=reached.profile_id).update(email="", email_key="", email_state="missing")
    Profile.objects.filter(pk=never.profile_id).update(email=reached.address, email_key=reached.address_key)

    made = remainder_of(original)
    run = prepare(made)

    assert run.causes["written_to"] == 1
    assert Exclusion.objects.get(delivery=made).profile_id == never.profile_id
    assert reached.address not in addresses(made)


def test_a_remainder_of_a_remainder_repeats_nobody_of_both(relay):
    first = stopped(recipients=6, sent=2, unknown=0)
    second = remainder_of(first)
    bring_to(second, "sending", by=person("prepare", second.unit))
    abandon_a_window(second, 1)
    recovery.reclaim(second.pk)
    stop(second)
    of_first = Message.objects.get(delivery=first, seq=1)
    never = Message.objects.filter(delivery=second, status=MessageStatus.CANCELLED).first()
    Profile.objects.filter(pk=of_first.profile_id).update(email="", email_key="", email_state="missing")
    Profile.objects.filter(pk=never.profile_id).update(email=of_first.address, email_key=of_first.address_key)

    third = remainder_of(second)
    run = prepare(third)

    assert (run.targeted, run.to_deliver, run.causes["written_to"]) == (3, 2, 1)


def test_an_ordinary_preparation_does_not_look_at_it():
    delivery = DeliveryFactory(ready=True)

    assert "written_to" not in delivery.latest_preparation().causes


def test_slices_make_no_difference(monkeypatch):
    monkeypatch.setattr(staging, "SLICE", 2)
    original = stopped(recipients=9)

    made = remainder_of(original)
    prepare(made)

    assert addresses(made) == addresses(original, MessageStatus.CANCELLED)


# -- the seal, four-eyes, what is fixed -----------------------------------------------------------------


def test_the_seal_names_the_original_and_not_the_audience():
    original = stopped()
    made = remainder_of(original)
    prepare(made)

    assert made.latest_preparation().manifest["parts"]["audience"] == ["remainder_of", original.pk]
    assert seal.changes(made) == []


def test_its_audience_is_fixed():
    made = remainder_of(stopped())

    with pytest.raises(drafting.TargetFixed):
        drafting.edit(
            delivery=made,
            by=person("prepare", made.unit),
            at=clock.now(),
            audience=AudienceFactory(unit=made.unit),
        )
    with pytest.raises(drafting.TargetFixed):
        drafting.edit(delivery=made, by=person("prepare", made.unit), at=clock.now(), audience=None)
    drafting.edit(
        delivery=made, by=person("prepare", made.unit), at=clock.now(), label="Again", audience=made.audience
    )

    assert Delivery.objects.get(pk=made.pk).label == "Again"


def test_four_eyes_bars_who_wrote_the_original():
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    person("approve", unit)
    writer = UserFactory(roles={"prepare": unit, "approve": unit})
    original = stopped(unit=unit, by=writer)
    maker = UserFactory(roles={"prepare": unit})
    made = remainder_of(original, by=maker)
    bring_to(made, "awaiting_approval", by=maker)

    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=made, seal=made.seal, by=writer, at=clock.now())


def test_a_copy_of_a_remainder_does_not_reach_the_whole_audience():
    made = remainder_of(stopped())

    copy = drafting.duplicate(delivery=made, by=person("prepare", made.unit))

    assert (copy.remainder_of, copy.audience) == (None, None)


def test_it_is_a_draft_with_the_same_settings_and_content():
    original = stopped()

    made = remainder_of(original)

    assert (made.status, made.remainder_of, made.audience) == ("draft", original, original.audience)
    assert made.content.digest == original.content.digest
    assert made.content.author == original.content.author
    assert made.schedule_kind == "at_once"


# -- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["ready", "sending", "paused", "finished"])
def test_only_a_stopped_delivery_has_a_remainder(stage):
    with pytest.raises(remainders.NotStopped):
        remainder_of(DeliveryFactory(**{stage: True}))


def test_one_remainder_at_a_time_until_it_is_deleted():
    original = stopped()
    made = remainder_of(original)

    with pytest.raises(remainders.RemainderExists):
        remainder_of(original)
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(unit=original.unit, label="A second", remainder_of=original)
    drafting.delete(delivery=made, by=person("prepare", made.unit))

    assert remainder_of(original).remainder_of == original


def test_what_is_on_its_way_is_waited_for():
    original = DeliveryFactory(sending=True, recipients=3)
    execute(
        "UPDATE deliveries_chunk SET token = 1, handed_upto = 1, lease_by = 'lane',"
        " lease_until = sinete_clock() + interval '1 minute' WHERE delivery_id = %s",
        original.pk,
    )
    stop(original)

    with pytest.raises(remainders.StillEnding):
        remainder_of(original)
    expire_leases(original)
    look.tick()

    assert remainder_of(original).remainder_of == original


def test_there_is_none_where_everybody_was_written_to():
    with pytest.raises(remainders.NobodyLeft):
        remainder_of(stopped(recipients=3, sent=2, unknown=1))


@pytest.mark.parametrize("role", ["approve", "export"])
def test_it_needs_the_right_to_prepare(role):
    original = stopped()

    with pytest.raises(NotAllowed):
        remainder_of(original, by=UserFactory(roles={role: original.unit}))


# -- faces ----------------------------------------------------------------------------------------------


def signed_in(role, delivery) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, roles={role: delivery.unit}))
    return client


def test_the_page_makes_it_and_links_both_ways():
    original = stopped()
    client = signed_in("prepare", original)
    assert "Send the remainder" in client.get(f"/deliveries/{original.pk}/").text

    made_page = client.post(f"/deliveries/{original.pk}/remainder/", follow=True).text
    made = Delivery.objects.get(remainder_of=original)
    page = client.get(f"/deliveries/{original.pk}/").text

    assert f"Those who never got {original.name}" in made_page
    assert f"/deliveries/{original.pk}/" in made_page
    assert f'href="/deliveries/{made.pk}/"' in page
    assert "Send the remainder" not in page
    assert client.get(f"/deliveries/{made.pk}/audience/").status_code == 302


def test_the_desk_makes_it_and_links_both_ways():
    original = stopped()
    client = signed_in("prepare", original)
    change = f"/admin/deliveries/delivery/{original.pk}/change/"
    assert "Send the remainder" in client.get(change).text

    answer = client.post(f"/admin/deliveries/delivery/{original.pk}/step/remainder/")
    made = Delivery.objects.get(remainder_of=original)

    assert str(made.pk) in answer["Location"]
    assert f"/admin/deliveries/delivery/{made.pk}/change/" in client.get(change).text
    assert change in client.get(answer["Location"]).text


def test_the_command_makes_it():
    original = stopped()
    out = StringIO()

    call_command(
        "create_remainder",
        original.name,
        "--as",
        person("prepare", original.unit).username,
        "--json",
        stdout=out,
    )

    answer = json.loads(out.getvalue())
    assert (answer["remainder_of"], answer["never_written_to"], answer["status"]) == (
        original.name,
        3,
        "draft",
    )
