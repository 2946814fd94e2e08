"""A proof to whoever sends it: at their own verified address, with the values of whom they look at."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from campaign.lib import clock
from deliveries import proofs
from deliveries.models import ProofMessage
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.views.tests.drafts import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    return DeliveryFactory(unit=UnitFactory())


def send(delivery, *test_profiles, by=None, **options):
    by = by or person("prepare", delivery.unit)
    return proofs.send(
        delivery=delivery, by=by, at=clock.now(), test_profiles=test_profiles, to_me=True, **options
    )


def test_it_goes_to_the_own_address_once_with_the_values_of_whom_was_looked_at(delivery):
    by = person("prepare", delivery.unit)
    tester = TestProfileFactory(unit=delivery.unit, email=by.email.upper(), values={"first_name": "Tester"})
    zuleica = ProfileFactory(unit=delivery.unit, first_name="Zuleica")

    alone, beside = send(delivery, profile=zuleica), send(delivery, tester)
    sampled = send(delivery, sample=tester)

    assert [(copy.address, copy.values["first_name"]) for copy in alone.messages.all()] == [
        (by.email, "Zuleica")
    ]
    assert [copy.address for copy in beside.messages.all()] == [tester.email]
    assert [copy.values for copy in sampled.messages.all()] == [{"first_name": "Tester"}]


def test_nobody_sends_one_to_an_address_that_they_have_not_confirmed(delivery):
    by = UserFactory(roles={"prepare": delivery.unit}, verified=False)

    with pytest.raises(proofs.NoVerifiedAddress):
        send(delivery, by=by)


def test_nobody_lends_it_the_values_of_a_hidden_test_profile(delivery):
    with pytest.raises(proofs.TestProfileElsewhere):
        send(delivery, sample=TestProfileFactory(unit=UnitFactory()))


@pytest.mark.parametrize(
    ("status", "reply", "is_over"),
    [("waiting", "", False), ("handed", "", False), ("handed", "No answer came.", True), ("sent", "", True)],
)
def test_a_proof_is_over_once_each_copy_has_its_outcome(delivery, status, reply, is_over):
    proof = send(delivery)

    ProofMessage.objects.update(status=status, reply=reply)

    assert proofs.is_over(proof) == is_over


def test_from_the_page_of_a_preview_the_form_and_the_command_it_is_the_same(delivery, client):
    by = person("prepare", delivery.unit)
    zuleica = ProfileFactory(unit=delivery.unit, first_name="Zuleica")
    client.force_login(by)

    page = client.get(url("preview", delivery), {"profile": "zule"})
    back = client.post(
        url("proof", delivery), {"to_me": "1", "preview": f"profile={zuleica.pk}", "profile": zuleica.pk}
    )
    client.post(url("proof", delivery), {"to_me": "on", "prefix": "Look:"})
    nobody = client.post(url("proof", delivery), {"prefix": ""})
    out = StringIO()
    call_command("send_proof", delivery.name, "--to-me", "--as", by.username, "--json", stdout=out)

    assert f'name="profile" value="{zuleica.pk}"' in page.content.decode()
    assert back["Location"] == f"{url('preview', delivery)}?profile={zuleica.pk}"
    assert "or send it to yourself" in nobody.content.decode()
    assert [row["address"] for row in json.loads(out.getvalue())["messages"]] == [by.email]
    assert list(delivery.proofs.order_by("number").values_list("prefix", flat=True)) == [
        "[Proof 1]", "Look:", "[Proof 3]",
    ]  # fmt: skip
