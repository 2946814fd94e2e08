"""The consent log tells in words where a wish came from, with a link to what carried it."""

import pytest
from django.urls import reverse

from accounts import access
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import consent_words, consents
from audiences.models import ConsentEvent
from audiences.services import subscribing
from audiences.services.subscribing import Origin
from audiences.tests.factories import AudienceFactory, ProfileFactory, ServiceFactory
from campaign.lib import clock


def test_what_carried_a_wish_is_named_and_linked():
    found = consent_words.carrier("delivery 12")

    assert (str(found.label), found.url) == ("delivery DM12", reverse("deliveries:dashboard", args=[12]))


@pytest.mark.parametrize("reference", ["shop 7", "import", "delivery x", "import 7 and more"])
def test_what_is_none_of_ours_is_told_as_it_was_written(reference):
    assert consent_words.carrier(reference) == consent_words.Carrier(reference)


@pytest.mark.django_db
def test_an_audience_is_called_by_its_name_where_it_may_be_seen(django_assert_num_queries):
    person = ProfileFactory()
    seen = AudienceFactory(label="Regulars", unit=UnitFactory())
    hidden = AudienceFactory(unit=UnitFactory())
    for reference in (*[f"audience {seen.pk}"] * 20, f"audience {hidden.pk}", "import 7"):
        ConsentEvent.objects.create(
            profile=person,
            channel="email",
            opted_out=False,
            at=clock.now(),
            source="audience",
            reference=reference,
        )
    viewer = UserFactory(roles={"prepare": seen.unit})
    access.held(viewer, seen)

    with django_assert_num_queries(3):
        rows = consent_words.carried(ConsentEvent.objects.order_by("pk"), viewer)

    assert {str(row.carrier.label) for row in rows} == {"“Regulars”", f"audience {hidden.pk}", "import 7"}


@pytest.mark.django_db
def test_the_desk_calls_it_by_its_name_too(client):
    audience = AudienceFactory(label="Regulars", unit=root())
    event = ConsentEvent.objects.create(
        profile=ProfileFactory(),
        channel="email",
        opted_out=True,
        at=clock.now(),
        source="audience",
        reference=f"audience {audience.pk}",
    )
    client.force_login(UserFactory(is_staff=True, roles={"administration": root()}))

    for page in ("/admin/audiences/consentevent/", f"/admin/audiences/consentevent/{event.pk}/change/"):
        assert "“Regulars”" in client.get(page).content.decode()


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
