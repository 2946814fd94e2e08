"""Who is erased while a delivery is under a legal hold: nothing more leaves to them, and evidence waits for its end."""

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.ledger import books
from deliveries.models import Exclusion, Message, MessageStatus
from deliveries.operations import reconciliation
from deliveries.retention import holds
from deliveries.tests.factories import DeliveryFactory
from feedback.models import IncomingMail, Reply, Report
from reporting.persons import erasing

pytestmark = pytest.mark.django_db


@pytest.fixture
def by():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def settled(profile):
    """All mail about the person is read, settled and forwarded."""
    IncomingMail.objects.update(read_at=clock.now())
    Reply.objects.update(forwarded_at=clock.now())
    Report.objects.update(settled_at=clock.now(), outcome="noted")
    return profile


def erase(profile, by):
    whom = erasing.find(str(profile.pk), by=by)
    return erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now())


def full(profile_id, address):
    """What of the delivery still names them: messages, exclusions, mails."""
    mails = [mail for mail in IncomingMail.objects.all() if address.encode() in bytes(mail.raw)]
    tables = (Message, Exclusion)
    return [
        *(one.objects.filter(profile_id=profile_id).exclude(address="").count() for one in tables),
        len(mails),
    ]


def place(on, by):
    return holds.place(on=on, reason="Case 17", by=by, at=clock.now())


def test_what_is_under_a_hold_waits_for_its_end_and_goes_then(settled, delivery, by):
    place(root(), by)
    said = erasing.waits(erasing.find(str(settled.pk), by=by))
    before = full(settled.pk, settled.email)
    assert before == [1, 1, 2]

    erasure = erase(settled, by)
    assert (full(settled.pk, settled.email), erasure.waits, erasure.finished_at) == (
        before,
        {"held": 4},
        None,
    )
    assert said == {"held": 4}

    holds.lift(on=root(), by=by, at=clock.now())
    erasing.carry_on_all()

    erasure.refresh_from_db()
    assert (full(settled.pk, settled.email), erasure.waits) == ([0, 0, 0], {})
    assert erasure.finished_at is not None
    assert "digests" not in {one.check for one in reconciliation.reconcile(delivery.pk).off}


def test_a_hold_on_one_delivery_keeps_what_is_of_that_alone(settled, delivery, by):
    place(delivery, by)

    erasure = erase(settled, by)

    assert (full(settled.pk, settled.email), erasure.waits) == ([1, 0, 2], {"held": 3})


def test_nothing_leaves_to_them_all_the_same(by):
    delivery = DeliveryFactory(scheduled=True)
    place(delivery, by)
    message = Message.objects.filter(delivery=delivery).first()

    whom = erasing.find(message.address, by=by)
    erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now())

    kept = Message.objects.get(delivery=delivery, seq=message.seq)
    assert (kept.status, kept.address) == (MessageStatus.ERASED, message.address)
    assert books.imbalance(delivery) == {}
