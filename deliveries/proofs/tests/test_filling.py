"""With whose values a proof is filled, and what becomes of one that can't be."""

import pytest

from accounts.tests.factories import UnitFactory
from audiences.tests.factories import ProfileFactory, TestProfileFactory
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import proofs
from deliveries.models import ProofMessage
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_proof_is_not_filled_with_the_values_of_somebody_out_of_reach():
    delivery = DeliveryFactory(unit=UnitFactory())
    stranger = ProfileFactory(unit=UnitFactory())
    to = [TestProfileFactory(unit=delivery.unit)]

    with pytest.raises(Refusal):
        proofs.send(
            delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), test_profiles=to,
            profile=stranger,
        )  # fmt: skip
    assert not ProofMessage.objects.exists()


def test_a_proof_that_could_not_be_filled_is_not_of_unknown_outcome(relay):
    delivery = DeliveryFactory(content={"html": "<p>{% if %}</p>"})
    proof = proofs.send(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(),
        test_profiles=[TestProfileFactory(unit=delivery.unit)],
    )  # fmt: skip

    proofs.run(proof_id=proof.pk)

    assert ProofMessage.objects.get().status == ProofMessage.Status.FAILED
    assert relay.recipients() == []
