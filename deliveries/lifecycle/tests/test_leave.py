"""What was checked in a transaction is not checked again by its step, and stands for nothing else."""

import pytest
from django.db import transaction

from accounts import access
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries import lifecycle
from deliveries.lifecycle import Step
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sending():
    """A delivery that is being sent, with its row locked."""
    with transaction.atomic():
        yield Delivery.objects.locked(DeliveryFactory(sending=True).pk)


def test_a_step_that_was_checked_asks_for_no_right_again(sending, django_assert_num_queries):
    starter = person("start", sending.unit)
    at, _seal = clock.now(), sending.seal
    leave = lifecycle.check(sending, Step.PAUSE, by=starter)

    with django_assert_num_queries(2):  # the status, and the row of the trail
        lifecycle.move(sending, Step.PAUSE, by=starter, at=at, leave=leave)


def test_it_stands_for_nobody_else(sending):
    leave = lifecycle.check(sending, Step.PAUSE, by=person("start", sending.unit))

    with pytest.raises(access.NotAllowed):
        lifecycle.move(sending, Step.PAUSE, by=UserFactory(), at=clock.now(), leave=leave)


def test_it_stands_for_no_other_step(sending):
    starter = person("start", sending.unit)
    leave = lifecycle.check(sending, Step.PAUSE, by=starter)

    with pytest.raises(lifecycle.WrongStatus):
        lifecycle.move(sending, Step.RESUME, by=starter, at=clock.now(), leave=leave)


def test_it_stands_for_one_step_alone(sending):
    starter = person("start", sending.unit)
    leave = lifecycle.check(sending, Step.PAUSE, by=starter)
    lifecycle.move(sending, Step.PAUSE, by=starter, at=clock.now(), leave=leave)

    with pytest.raises(lifecycle.WrongStatus):
        lifecycle.move(sending, Step.PAUSE, by=starter, at=clock.now(), leave=leave)


def test_it_stands_for_no_delivery_that_was_read_again(sending):
    starter = person("start", sending.unit)
    leave = lifecycle.check(sending, Step.PAUSE, by=starter)
    lifecycle.move(sending, Step.PAUSE, by=starter, at=clock.now(), leave=leave)
    again = Delivery.objects.locked(sending.pk)

    with pytest.raises(lifecycle.WrongStatus):
        lifecycle.move(again, Step.PAUSE, by=starter, at=clock.now(), leave=leave)


def test_it_stands_for_no_other_seal():
    delivery = DeliveryFactory(awaiting_approval=True)
    approver = person("approve", delivery.unit)
    leave = lifecycle.check(delivery, Step.APPROVE, by=approver, seal=delivery.seal)

    with pytest.raises(lifecycle.SealMoved):
        lifecycle.move(delivery, Step.APPROVE, by=approver, at=clock.now(), seal="0" * 64, leave=leave)
