"""A profile that gets another address: what was said by the old one is no answer of whoever reads the new one."""

import io

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.consent import consents
from audiences.models import ConsentEvent, Subscription
from audiences.profiles import people
from audiences.quarantine import suppression
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import ProfileFactory, ServiceFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db
OLD, NEW = "old@example.com", "new@example.com"


def by_a_form(profile, by):
    people.change(profile=profile, values={"email": NEW}, by=by)


def by_a_file(profile, by):
    content = f"external_id,email\n{profile.external_id},{NEW}\n".encode()
    importing = imports.register(name="a.csv", unit=root(), by=by, options=imports.Options())
    assert imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content)).updated == 1


@pytest.fixture(params=[by_a_form, by_a_file])
def moved(request):
    """Give the profile the other address."""
    by = UserFactory(roles={"import": root()})
    return lambda profile: request.param(profile, by)


@pytest.fixture
def service():
    return ServiceFactory()


@pytest.fixture
def reader(service):
    """Somebody who confirmed by a mail that they want the service."""
    profile = ProfileFactory(email=OLD, external_id="K-1", unit=root())
    subscribing.subscribe_confirmed(service=service, profile=profile, origin=Origin(clock.now(), "test"))
    return profile


def cause(profile, service):
    profile.refresh_from_db()
    return suppression.cause(profile_id=profile.pk, address_key=profile.email_key, service_id=service.pk)


def test_who_opted_out_by_the_new_address_is_not_written_to_there(reader, service, moved):
    other = ProfileFactory(email=NEW)
    consents.opt_out(profile_id=other.pk, channel="email", at=clock.now(), source="unsubscribe_link")
    assert cause(reader, service) is None

    moved(reader)

    assert cause(reader, service) == suppression.Cause.OPTED_OUT


def test_who_left_the_service_by_the_new_address_gets_it_not_again(reader, service, moved):
    other, beside = ProfileFactory(email=NEW), ServiceFactory()
    for each in (service, beside):
        subscribing.subscribe_confirmed(service=each, profile=other, origin=Origin(clock.now(), "test"))
    subscribing.subscribe_confirmed(service=beside, profile=reader, origin=Origin(clock.now(), "test"))
    subscribing.leave(service=service, profile_id=other.pk, origin=Origin(clock.now(), "unsubscribe_link"))

    moved(reader)

    assert cause(reader, service) == suppression.Cause.NOT_SUBSCRIBED
    assert cause(reader, beside) is None
    event = ConsentEvent.objects.get(profile=reader, opted_out=True)
    assert (event.service, event.source) == (service, "address_changed")


def test_who_said_no_to_nothing_stays_subscribed_and_is_asked_by_nobody(reader, service, moved):
    moved(reader)

    subscription = Subscription.objects.get(profile=reader)
    assert (subscription.ended_at, subscription.is_confirmed) == (None, False)
    assert cause(reader, service) is None
    assert ConsentEvent.objects.filter(profile=reader).count() == 1


def test_another_spelling_is_the_same_address(reader, service):
    by = UserFactory(roles={"import": root()})

    people.change(profile=reader, values={"email": OLD.upper()}, by=by)

    assert Subscription.objects.get(profile=reader).is_confirmed
