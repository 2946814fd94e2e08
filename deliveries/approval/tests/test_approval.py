"""Approval and confirmation: who may, on which seal, and what they bind."""

import threading

import pytest
from django.db import connections

from accounts.access import NotAllowed
from accounts.models import ApprovalPolicy, Hand, Hold
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.lifecycle import ChangedSincePrepared, SealMoved, Step, WrongStatus
from deliveries.models import Confirmation, Delivery, Status
from deliveries.overview import todo
from deliveries.tests.factories import DeliveryFactory, bring_to, person

pytestmark = pytest.mark.django_db


def reloaded(delivery):
    return Delivery.objects.get(pk=delivery.pk)


def test_the_last_approval_makes_a_delivery_ready():
    delivery = DeliveryFactory(awaiting_approval=True)
    approver = person("approve", delivery.unit)

    approval.approve(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now())

    assert reloaded(delivery).status == Status.READY
    assert delivery.history.first().by == approver


@pytest.mark.parametrize("stage", ["ready", "scheduled", "sending", "paused", "stopped", "finished"])
def test_approve_is_refused_when_it_does_not_wait_for_approval(stage):
    delivery = DeliveryFactory(**{stage: True})

    with pytest.raises(WrongStatus):
        approval.approve(
            delivery=delivery, seal=delivery.seal, by=person("approve", delivery.unit), at=clock.now()
        )


def test_a_policy_of_none_needs_no_approval():
    unit = UnitFactory(approval_policy=ApprovalPolicy.NONE)

    delivery = DeliveryFactory(unit=unit, awaiting_approval=True)

    assert delivery.status == Status.READY


def test_a_delivery_may_be_stricter_than_its_unit_but_not_looser():
    unit = UnitFactory(approval_policy=ApprovalPolicy.ONE)

    with pytest.raises(drafting.LooserPolicy):
        DeliveryFactory(unit=unit, approval_policy=ApprovalPolicy.NONE)
    assert (
        DeliveryFactory(unit=unit, approval_policy=ApprovalPolicy.FOUR_EYES).policy
        == ApprovalPolicy.FOUR_EYES
    )


@pytest.mark.parametrize("maker", ["preparer", "writer"])
def test_four_eyes_bars_whoever_prepared_it_or_wrote_it(maker):
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    both = UserFactory(roles={"prepare": unit, "approve": unit}, is_superuser=True)
    delivery = DeliveryFactory(unit=unit)
    if maker == "writer":
        drafting.write(delivery=delivery, by=both, at=clock.now(), subject="Mine")
    from deliveries.tests.factories import bring_to

    preparer = both if maker == "preparer" else person("start", unit)
    bring_to(delivery, "awaiting_approval", by=preparer)

    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=delivery, seal=delivery.seal, by=both, at=clock.now())


def test_a_rejection_needs_a_comment_and_goes_back_to_editing():
    delivery = DeliveryFactory(awaiting_approval=True)
    approver = person("approve", delivery.unit)

    with pytest.raises(approval.CommentMissing):
        approval.reject(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now(), comment=" ")
    approval.reject(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now(), comment="Wrong price")

    assert reloaded(delivery).status == Status.DRAFT
    assert delivery.history.first().comment == "Wrong price"


def test_another_seal_than_the_one_on_the_screen_is_refused():
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(SealMoved):
        confirmation.confirm(
            delivery=delivery, seal="0" * 64, by=person("start", delivery.unit), at=clock.now()
        )


def test_a_changed_audience_is_named_and_refused():
    delivery = DeliveryFactory(ready=True)
    delivery.audience.rule = {"field": "city", "is": "is", "value": "Recife"}
    delivery.audience.save()

    with pytest.raises(ChangedSincePrepared, match="audience"):
        confirmation.confirm(
            delivery=delivery, seal=delivery.seal, by=person("start", delivery.unit), at=clock.now()
        )


@pytest.mark.parametrize("role", ["administration", "prepare", "approve", "import", "export"])
def test_only_holders_of_start_deliveries_confirm(role):
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(NotAllowed):
        confirmation.confirm(
            delivery=delivery, seal=delivery.seal, by=person(role, delivery.unit), at=clock.now()
        )


def test_a_superuser_without_the_role_does_not_confirm():
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(NotAllowed):
        confirmation.confirm(
            delivery=delivery, seal=delivery.seal, by=UserFactory(is_superuser=True), at=clock.now()
        )


def test_above_a_set_size_the_number_is_typed(settings):
    settings.SINETE = settings.SINETE | {"confirm_by_typing_above": 2}
    delivery = DeliveryFactory(ready=True, recipients=3)
    starter = person("start", delivery.unit)

    with pytest.raises(confirmation.CountMistyped):
        confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now(), typed=2)
    confirmation.confirm(delivery=delivery, seal=delivery.seal, by=starter, at=clock.now(), typed=3)

    assert reloaded(delivery).status == Status.SCHEDULED


def test_a_confirmation_is_taken_back_until_the_first_message_leaves():
    delivery = DeliveryFactory(scheduled=True)

    confirmation.take_back(delivery=delivery, by=person("start", delivery.unit), at=clock.now())

    assert reloaded(delivery).status == Status.READY
    with pytest.raises(confirmation.AlreadyLeft):
        confirmation.take_back(
            delivery=DeliveryFactory(sending=True), by=person("start", delivery.unit), at=clock.now()
        )


@pytest.mark.django_db(transaction=True)
def test_of_two_confirmations_that_race_one_wins():
    delivery = DeliveryFactory(ready=True)
    starter, other = person("start", delivery.unit), UserFactory(roles={"start": delivery.unit})
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def confirm(by):
        together.wait()
        try:
            confirmation.confirm(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())
            outcomes.append("confirmed")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    racers = [threading.Thread(target=confirm, args=(by,)) for by in (starter, other)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert sorted(outcomes) == ["confirmed", "wrong_status"]
    assert Confirmation.objects.count() == 1
    assert delivery.history.filter(step=Step.CONFIRM.code).count() == 1


def test_who_wrote_the_original_is_a_maker_of_the_copy_of_a_copy(django_assert_max_num_queries):
    unit = UnitFactory()
    author, copier = UserFactory(roles={"prepare": unit}), UserFactory(roles={"prepare": unit})
    copy = DeliveryFactory(unit=unit, by=author)
    for _ in range(5):
        copy = drafting.duplicate(delivery=copy, by=copier)
        drafting.write(delivery=copy, by=copier, at=clock.now(), subject=f"Copy {copy.pk}")
        copy.refresh_from_db()
    drafting.edit(delivery=copy, by=copier, at=clock.now(), schedule_kind="at_once")
    copy.refresh_from_db()
    bring_to(copy, "awaiting_approval", by=copier)

    drafting.delete(delivery=copy.copied_from, by=copier)
    copy.refresh_from_db()
    with django_assert_max_num_queries(6):
        makers = copy.latest_preparation().makers()

    assert set(makers) == {author, copier}


def test_a_copy_that_four_eyes_bars_its_first_writer_from_does_not_wait_for_him():
    unit = UnitFactory(approval_policy="four_eyes")
    author = UserFactory(roles={"prepare": unit, "approve": unit})
    copier = UserFactory(roles={"prepare": unit})
    copy = drafting.duplicate(delivery=DeliveryFactory(unit=unit, by=author), by=copier)
    drafting.edit(delivery=copy, by=copier, at=clock.now(), schedule_kind="at_once")
    copy.refresh_from_db()

    bring_to(copy, "awaiting_approval", by=copier)

    assert copy not in todo.to_approve(author)
    assert copy in todo.to_approve(UserFactory(roles={"approve": unit}))


@pytest.mark.parametrize("puppet", ["maker", "approver"])
def test_four_eyes_bars_whoever_could_sign_in_as_the_maker_or_the_other_way(puppet):
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    maker, approver = person("prepare", unit), person("approve", unit)
    held, master = (maker, approver) if puppet == "maker" else (approver, maker)
    Hand.objects.create(user=held, holder=master, how=Hold.INVITED)
    delivery = DeliveryFactory(unit=unit, recipients=3)
    bring_to(delivery, "awaiting_approval", by=maker)

    with pytest.raises(approval.SameHands):
        approval.approve(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now())

    Hand.objects.all().delete()
    approval.approve(delivery=delivery, seal=delivery.seal, by=approver, at=clock.now())


def test_four_eyes_bars_who_wrote_what_somebody_else_copied():
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    writer = UserFactory(roles={"prepare": unit, "approve": unit})
    original = DeliveryFactory(unit=unit, by=writer)
    copier = UserFactory(roles={"prepare": unit})
    copy = drafting.duplicate(delivery=original, by=copier)
    drafting.edit(delivery=copy, by=copier, at=clock.now(), schedule_kind="at_once")
    bring_to(copy, "awaiting_approval", by=copier)

    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=copy, seal=copy.seal, by=writer, at=clock.now())
