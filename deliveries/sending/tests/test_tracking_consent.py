"""Who is measured is decided at the look before each window: less than was sealed, never more."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from accounts.roles import root
from accounts.tests.factories import UserFactory
from accounts.units import unit_tracking
from audiences import tracking
from audiences.consent import tracking_consents
from audiences.models import Profile
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries.ledger import books, recounting
from deliveries.models import Chunk, Message
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana():
    return ProfileFactory(first_name="Ana")


@pytest.fixture
def bia():
    return ProfileFactory(first_name="Bia")


def say(profile, may, *purposes):
    named = dict.fromkeys(purposes, may) if purposes else tracking.both(may)
    tracking_consents.say(profile_id=profile.pk, purposes=named, origin=Origin(clock.now(), "test"))


def leaves(relay):
    """By first name, whether a message has the picture, and whether it has links of ours that count."""
    found = {}
    for message in relay.messages():
        page = message.get_body(("html",)).get_content() + message.get_body(("plain",)).get_content()
        found[message["Subject"].rpartition(" ")[2]] = ("/o/" in page, "/c/" in page)
        assert "/u/" in page
    return found


def tracked(delivery):
    rows = Message.objects.filter(delivery=delivery)
    return {Profile.objects.get(pk=row.profile_id).first_name: row.tracked for row in rows}


def test_whoever_refused_gets_the_same_message_unmeasured(relay, ana, bia):
    say(ana, False)
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia]))

    send(delivery)

    assert leaves(relay) == {"Ana": (False, False), "Bia": (True, True)}
    assert tracked(delivery) == {"Ana": 0, "Bia": 3}
    assert books.imbalance(delivery) == {}


def test_each_purpose_is_refused_by_itself(relay, ana, bia):
    say(ana, False, "opens")
    say(bia, False, "clicks")

    send(DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia])))

    assert leaves(relay) == {"Ana": (False, True), "Bia": (True, False)}


def test_a_refusal_after_the_seal_counts_and_is_kept(relay, ana, bia):
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia]))
    say(ana, False)

    send(delivery)

    assert leaves(relay) == {"Ana": (False, False), "Bia": (True, True)}
    assert tracked(delivery) == {"Ana": 0, "Bia": 3}
    (chunk,) = Chunk.objects.filter(delivery=delivery)
    assert (chunk.sent, chunk.opens_untracked, chunk.clicks_untracked) == (2, 1, 1)
    assert books.imbalance(delivery) == {}
    assert recounting.recount(delivery.pk) == []


def test_a_consent_after_the_seal_measures_nobody_who_was_sealed_as_unmeasured(relay, ana):
    say(ana, False)
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana]))
    say(ana, True)

    send(delivery)

    assert leaves(relay) == {"Ana": (False, False)}


def test_who_was_not_asked_is_measured_as_the_unit_has_it(relay, ana, bia):
    administrator = UserFactory(roles={"administration": root()})
    unit_tracking.save(unit=root(), unasked="off", by=administrator)
    say(bia, True)

    send(DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia])))

    assert leaves(relay) == {"Ana": (False, False), "Bia": (True, True)}


def test_a_unit_that_switches_it_off_later_concerns_what_is_prepared(relay, ana, bia):
    say(bia, True)
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia]))
    unit_tracking.save(unit=root(), unasked="off", by=UserFactory(roles={"administration": root()}))

    send(delivery)

    assert leaves(relay) == {"Ana": (False, False), "Bia": (True, True)}
    assert tracked(delivery) == {"Ana": 0, "Bia": 3}


def test_a_later_try_leaves_as_the_person_wants_by_then(relay, ana):
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana]))
    relay.refuse(ana.email, "451 4.2.0 Greylisted", once=True)
    send(delivery)
    say(ana, False)

    with clock.shifted(timedelta(minutes=5)):
        send(delivery)

    assert leaves(relay) == {"Ana": (False, False)}
    assert tracked(delivery) == {"Ana": 0}
    assert books.imbalance(delivery) == {}


def test_nothing_turns_on_what_was_sealed_as_unmeasured(ana):
    say(ana, False)
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana]))

    with pytest.raises((IntegrityError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE deliveries_message SET tracked = 3 WHERE delivery_id = %s", [delivery.pk])


def test_a_recount_counts_what_left_unmeasured(relay, ana, bia):
    say(ana, False, "opens")
    delivery = DeliveryFactory(scheduled=True, audience=AudienceFactory(members=[ana, bia]))
    send(delivery)
    Chunk.objects.filter(delivery=delivery).update(opens_untracked=9)

    (repaired,) = recounting.recount(delivery.pk)

    assert repaired["opens_untracked"] == -8
    assert Chunk.objects.get(delivery=delivery).opens_untracked == 1
