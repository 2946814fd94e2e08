"""A proof is no way round *Start deliveries*: it goes to allowed addresses, so many in a day, and everybody knows."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import proof_addresses
from audiences.models import Profile
from audiences.quarantine import quarantines
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from campaign.lib import clock
from deliveries import drafting, proofs
from deliveries.models import Proof, ProofMessage
from deliveries.proofs import rules
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    return DeliveryFactory(unit=UnitFactory())


@pytest.fixture
def ana(delivery):
    return UserFactory(username="ana", email="ana@house.example", roles={"prepare": delivery.unit})


def profile_at(delivery, email):
    return TestProfileFactory(unit=delivery.unit, email=email)


def send(delivery, *emails, by):
    testers = [profile_at(delivery, email) for email in emails]
    return proofs.send(delivery=delivery, by=by, at=clock.now(), test_profiles=testers)


def keep(unit, *entries):
    proof_addresses.save(unit=unit, entries=entries, by=UserFactory(email="", roles={"administration": unit}))


def limit(settings, **limits):
    settings.SINETE = settings.SINETE | {
        f"proofs_a_day_of_{whose}": number for whose, number in limits.items()
    }


# -- to whom ----------------------------------------------------------------------------------------------


def test_a_stranger_gets_no_proof(delivery, ana, work, relay):
    with pytest.raises(rules.AddressNotAllowed, match=r"victim@customers\.example"):
        send(delivery, "x@house.example", "victim@customers.example", by=ana)

    work()
    assert relay.recipients() == []
    assert not Proof.objects.exists()


def test_what_the_units_list_has_gets_one(delivery, ana):
    keep(delivery.unit, "agency.example", "phone@tests.example")

    assert send(delivery, "X@Agency.example", "phone@tests.example", by=ana).messages.count() == 2
    with pytest.raises(rules.AddressNotAllowed, match=r"phone@tests\.example"):
        send(delivery, "other@tests.example", by=ana)


def test_ones_own_verified_address_is_always_allowed(delivery, ana):
    keep(delivery.unit, "agency.example")

    assert send(delivery, "Ana@house.example", by=ana)
    with pytest.raises(rules.AddressNotAllowed):
        send(delivery, "bruno@house.example", by=ana)


def test_a_list_above_holds_for_a_delivery_below(ana, delivery):
    keep(delivery.unit, "agency.example")
    below = DeliveryFactory(unit=UnitFactory(parent=delivery.unit))

    with pytest.raises(rules.AddressNotAllowed):
        send(below, "x@sinete.example", by=ana)

    assert send(below, "x@agency.example", by=ana)


def test_a_delivery_that_is_moved_has_the_list_of_where_it_is_then(delivery, ana, work, relay):
    keep(delivery.unit, "agency.example")
    other = UnitFactory()
    both = UserFactory(email="both@house.example", roles={"prepare": [delivery.unit, other]})
    send(delivery, "x@agency.example", "both@house.example", by=both)

    drafting.edit(delivery=delivery, by=both, at=clock.now(), unit=other)
    work()

    assert relay.recipients() == ["both@house.example"]


@pytest.mark.parametrize("flag", ["no_email", "no_contact", "consent_unclear"])
def test_who_opted_out_or_may_have_gets_no_proof_in_whatever_unit_he_is_known(delivery, ana, flag):
    ProfileFactory(unit=UnitFactory(), email="Marina@house.example", **{flag: True})

    with pytest.raises(rules.AddressHeld, match=r"marina@house\.example"):
        send(delivery, "marina@house.example", by=ana)


def test_a_quarantined_address_gets_no_proof(delivery, ana):
    quarantines.hold(
        address_key="marina@house.example", reason="unknown", error_text="", at=clock.now(), reference=""
    )

    with pytest.raises(rules.AddressHeld):
        send(delivery, "Marina@House.example", by=ana)


def test_who_opts_out_while_it_waits_gets_none(delivery, ana, work, relay):
    profile = ProfileFactory(email="marina@house.example")
    proof = send(delivery, "marina@house.example", "other@house.example", by=ana)
    Profile.objects.filter(pk=profile.pk).update(no_email=True)

    work()

    assert relay.recipients() == ["other@house.example"]
    assert proof.messages.get(address="marina@house.example").status == ProofMessage.Status.FAILED


# -- how many ---------------------------------------------------------------------------------------------


def test_a_person_has_a_limit_a_day_over_all_deliveries_and_is_told_when_it_opens(delivery, ana, settings):
    limit(settings, person=3)
    other = DeliveryFactory(unit=delivery.unit)
    send(delivery, "a@house.example", "b@house.example", by=ana)

    with pytest.raises(rules.TooManyForPerson, match=r"3 copies.*2 have been sent.*again from"):
        send(other, "c@house.example", "d@house.example", by=ana)

    assert send(other, "c@house.example", by=ana)
    with clock.shifted(timedelta(hours=25)):
        assert send(other, "c@house.example", "d@house.example", by=ana)


def test_it_opens_when_enough_of_the_last_day_is_over(delivery, ana, settings):
    limit(settings, person=2)
    began = clock.now()
    send(delivery, "a@house.example", by=ana)
    with clock.shifted(timedelta(hours=5)):
        send(delivery, "b@house.example", by=ana)

    with clock.shifted(timedelta(hours=6)), pytest.raises(rules.TooManyForPerson) as refused:
        send(delivery, "c@house.example", by=ana)

    assert f"{began + timedelta(days=1):%H:%M}" in str(refused.value)


def test_more_than_a_days_limit_at_once_is_no_matter_of_waiting(delivery, ana, settings):
    limit(settings, person=1)

    with pytest.raises(rules.TooManyForPerson, match="Choose fewer"):
        send(delivery, "a@house.example", "b@house.example", by=ana)


def test_a_unit_has_a_limit_a_day_over_all_its_people(delivery, ana, settings):
    limit(settings, unit=2)
    bruno = UserFactory(email="bruno@house.example", roles={"prepare": delivery.unit})
    send(delivery, "a@house.example", "b@house.example", by=ana)

    with pytest.raises(rules.TooManyForUnit, match=delivery.unit.label):
        send(delivery, "c@house.example", by=bruno)


def test_deleting_the_delivery_gives_nothing_back(delivery, ana, settings):
    limit(settings, person=2)
    send(delivery, "a@house.example", "b@house.example", by=ana)
    drafting.delete(delivery=delivery, by=ana)

    with pytest.raises(rules.TooManyForPerson):
        send(DeliveryFactory(unit=delivery.unit), "c@house.example", by=ana)


@pytest.mark.django_db(transaction=True)
def test_two_proofs_at_the_same_time_share_the_limit(settings):
    limit(settings, person=1)
    unit = UnitFactory()
    ana = UserFactory(email="ana@house.example", roles={"prepare": unit})
    drafts = DeliveryFactory.create_batch(2, unit=unit)
    found, together = [], threading.Barrier(2)

    def race(draft):
        try:
            together.wait()
            send(draft, f"{draft.pk}@house.example", by=ana)
            found.append("sent")
        except rules.TooManyForPerson:
            found.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=[draft]) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(found) == ["refused", "sent"]


# -- the trail and the faces ------------------------------------------------------------------------------


def test_each_proof_is_in_the_trail_with_its_number_and_masked_addresses(delivery, ana):
    send(delivery, "marina@house.example", by=ana)

    detail = AuditEvent.objects.get(action="send_proof").detail
    assert (detail["copies"], detail["to"], detail["unit"]) == (
        1,
        ["m•••@house.example"],
        delivery.unit.label,
    )


def test_all_faces_say_why_not_and_leave_the_refusal_in_the_trail(client, delivery, ana):
    stranger = profile_at(delivery, "victim@customers.example")
    ana.is_staff = True
    ana.save()
    client.force_login(ana)

    page = client.post(
        reverse("deliveries:proof", args=[delivery.pk]), {"test_profiles": [stranger.pk]}, follow=True
    )
    desk = client.post(
        f"/admin/deliveries/delivery/{delivery.pk}/step/proof/", {"test_profiles": [stranger.pk]}, follow=True
    )
    with pytest.raises(CommandError, match=r"not to victim@customers\.example"):
        call_command(
            "send_proof", delivery.name, "--test-profile", stranger.label, "--as", "ana", stdout=StringIO()
        )

    for answer in (page, desk):
        assert "not to victim@customers.example" in answer.content.decode()
    assert (
        AuditEvent.objects.filter(refused=True, detail__reason__icontains="victim@customers.example").count()
        == 3
    )
    assert not Proof.objects.exists()
