"""The consent log tells in words where a wish came from, with a link to what carried it."""

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.consent import consent_words, consents
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import ProfileFactory, ServiceFactory
from campaign.lib import clock


def test_what_carried_a_wish_is_named_and_linked():
    found = consent_words.carrier("delivery 12")

    assert (str(found.label), found.url) == ("delivery DM12", reverse("deliveries:dashboard", args=[12]))


@pytest.mark.parametrize("reference", ["shop 7", "import", "delivery x", "import 7 and more"])
def test_what_is_none_of_ours_is_told_as_it_was_written(reference):
    assert consent_words.carrier(reference) == consent_words.Carrier(reference)


def test_nothing_carried_it():
    assert consent_words.carrier("") is None


def test_a_file_s_own_source_is_told_as_it_was_written():
    assert consent_words.source("Fair in Lisbon") == "Fair in Lisbon"


def test_the_log_of_a_service_and_of_a_profile_tell_it(client, db):
    service, profile = ServiceFactory(), ProfileFactory()
    subscribing.subscribe_confirmed(
        service=service, profile=profile, origin=Origin(clock.now(), "confirmed_by_mail")
    )
    origin = Origin(clock.now(), "unsubscribe_link", reference="delivery 1", network="192.0.2.0/24")
    subscribing.leave(service=service, profile_id=profile.pk, origin=origin)
    consents.opt_out(profile_id=profile.pk, channel="email", at=clock.now(), source="page")
    client.force_login(UserFactory(roles={"prepare": root()}))

    for page in (("audiences:service", service.pk), ("audiences:profile", profile.pk)):
        shown = client.get(reverse(page[0], args=[page[1]])).content.decode()
        assert "by the unsubscribe link, <a href=" in shown
        assert "delivery DM1</a>, 192.0.2.0/24" in shown
        assert "unsubscribe_link" not in shown
