"""Proofs: to test addresses, at most a hundred, apart from every figure, and no way round Start deliveries."""

from datetime import timedelta

import pytest

from accounts.roles import root
from accounts.tests.factories import UnitFactory
from accounts.units import proof_addresses
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from campaign.lib import clock, jobs
from deliveries import drafting, proofs
from deliveries.models import Proof, ProviderLimit
from deliveries.operations import route_settings
from deliveries.routing import limits, routes
from deliveries.sending import throttle
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


# -- limits in messages an hour ---------------------------------------------------------------------------


def limit_everything(per_hour):
    by, route = person("administration", root()), routes.default_route()
    route_settings.save_route(route=route, by=by, limit_per_hour=per_hour)
    return route_settings.save_provider_limit(
        limit=ProviderLimit(route=route), by=by, name="Gmail", domains=["gmail.com"], limit_per_hour=per_hour
    )


def minutes_until_one(bucket):
    return round(throttle.seconds_until_one([bucket]) / 60)


def test_a_proof_leaves_at_once_and_those_who_share_its_limits_wait_for_it(delivery, relay):
    gmail = limit_everything(60)
    emails = ["a@gmail.com", "b@GMAIL.com", "c@example.org"]
    proof_addresses.save(unit=delivery.unit, entries=emails, by=person("administration", delivery.unit))
    testers = [TestProfileFactory(unit=delivery.unit, email=email) for email in emails]

    proofs.run(proof_id=send(delivery, testers).pk)

    assert sorted(relay.recipients()) == sorted(emails)
    assert minutes_until_one(throttle.bucket_of_route(routes.default_route())) == 3 + 1
    assert minutes_until_one(throttle.bucket_of_provider(gmail)) == 2 + 1


def test_a_proof_takes_nothing_of_the_deliverys_own_limit(delivery, relay):
    limits.set_limit(delivery=delivery, per_hour=60, by=person("prepare", delivery.unit), at=clock.now())
    delivery.refresh_from_db()

    proofs.run(proof_id=send(delivery, [TestProfileFactory(unit=delivery.unit)]).pk)

    assert throttle.seconds_until_one(throttle.buckets_of(delivery)) == 0


def test_a_proof_that_could_not_leave_is_not_counted(delivery, settings):
    limit_everything(60)
    settings.RELAY_URL = "smtp://127.0.0.1:1"

    proofs.run(proof_id=send(delivery, [TestProfileFactory(unit=delivery.unit)]).pk)

    assert minutes_until_one(throttle.bucket_of_route(routes.default_route())) == 1


def test_a_proof_leaves_while_valkey_is_away(delivery, relay, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    def away(*_args):
        raise Away("away")

    limit_everything(60)
    proof = send(delivery, [TestProfileFactory(unit=delivery.unit)])
    monkeypatch.setattr(jobs, "valkey", away)

    proofs.run(proof_id=proof.pk)

    assert len(relay.recipients()) == 1
