"""Proofs: to test addresses, at most a hundred, apart from every figure, and no way round Start deliveries."""

from datetime import timedelta

import pytest

from accounts.tests.factories import UnitFactory
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from campaign.lib import clock
from deliveries import drafting, proofs
from deliveries.models import Proof
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    return DeliveryFactory(unit=UnitFactory())


def send(delivery, test_profiles, **options):
    by = person("prepare", delivery.unit)
    return proofs.send(delivery=delivery, by=by, at=clock.now(), test_profiles=test_profiles, **options)


def test_a_proof_reaches_at_most_a_hundred_addresses(delivery, settings):
    settings.SINETE = settings.SINETE | {"proof_recipients": 2}
    testers = TestProfileFactory.create_batch(3, unit=delivery.unit)

    with pytest.raises(proofs.TooManyProofs):
        send(delivery, testers)

    assert not Proof.objects.exists()
    assert send(delivery, testers[:2]).messages.count() == 2


def test_somebody_must_get_it(delivery):
    with pytest.raises(proofs.NoTestProfiles):
        send(delivery, [])


def test_nobody_lends_the_values_of_somebody_whom_he_may_not_see(delivery):
    hidden = ProfileFactory(unit=UnitFactory())

    with pytest.raises(proofs.ProfileElsewhere):
        send(delivery, [TestProfileFactory(unit=delivery.unit)], profile=hidden)


def test_a_test_profile_of_a_parallel_unit_gets_nothing(delivery):
    with pytest.raises(proofs.TestProfileElsewhere):
        send(delivery, [TestProfileFactory(unit=UnitFactory())])


def test_changing_the_content_in_between_reaches_nobody_more(delivery, settings):
    settings.SINETE = settings.SINETE | {"proof_recipients": 2}
    testers = TestProfileFactory.create_batch(3, unit=delivery.unit)
    by = person("prepare", delivery.unit)
    send(delivery, testers[:2])
    drafting.write(delivery=delivery, by=by, at=clock.now(), subject="Other")
    copy = drafting.duplicate(delivery=delivery, by=by)

    for mine in (delivery, copy):
        with pytest.raises(proofs.TooManyProofs):
            send(mine, testers[2:])

    assert send(delivery, testers[:2]).number == 2


def test_copies_of_one_another_share_the_addresses_of_the_last_month(delivery, settings):
    settings.SINETE = settings.SINETE | {"proof_recipients": 2}
    testers = TestProfileFactory.create_batch(4, unit=delivery.unit)
    by = person("prepare", delivery.unit)
    first, second = (drafting.duplicate(delivery=delivery, by=by) for _ in range(2))
    send(first, testers[:2])

    with pytest.raises(proofs.TooManyProofs):
        send(second, testers[2:])

    with clock.shifted(timedelta(days=31)):
        assert send(second, testers[2:]).messages.count() == 2
