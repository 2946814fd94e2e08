"""Copies of proofs are emptied once they were kept for long enough; that a proof was sent stays."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery, Proof, ProofMessage
from deliveries.proofs import showing
from reporting.retention import applying, planning

pytestmark = pytest.mark.django_db
Status = ProofMessage.Status


@pytest.fixture
def proof(old):
    """Make a proof of a delivery that ended 100 days ago, with a copy of each of these statuses."""

    def make(*statuses: str, delivery: Delivery | None = None) -> Proof:
        of = delivery or old()
        made = Proof.objects.create(
            delivery=of, content=of.preparation.content, number=1, at=clock.now() - timedelta(days=101)
        )
        for number, status in enumerate(statuses or (Status.SENT, Status.FAILED)):
            ProofMessage.objects.create(
                proof=made, address=f"desk{number}@example.com", values={"first_name": "Ana"}, status=status,
                reply="250 taken by desk@example.com",
            )  # fmt: skip
        return made

    return make


def told(proof: Proof) -> list[tuple[str, dict[str, str], str]]:
    return list(proof.messages.order_by("pk").values_list("address", "values", "reply"))


def test_whom_they_went_to_goes_and_how_they_ended_stays(proof, kept_for):
    made = proof()
    kept_for(proofs=30)

    applied = applying.apply(at=clock.now())

    assert applied.rows == {"proofs": 2}
    assert told(made) == [("", {}, "")] * 2
    assert [each.status for each in made.messages.order_by("pk")] == [Status.SENT, Status.FAILED]
    assert applying.apply(at=clock.now()).rows == {}


def test_the_plan_counts_them_by_delivery(proof, kept_for):
    made = proof()
    kept_for(proofs=30)

    lines = planning.plan(at=clock.now())

    assert [(line.delivery, line.kind, line.rows) for line in lines] == [(made.delivery, "proofs", 2)]


def test_a_copy_that_is_still_to_leave_keeps_its_address(proof, kept_for):
    made = proof(Status.WAITING, Status.SENT)
    kept_for(proofs=30)

    applying.apply(at=clock.now())

    assert [address for address, _values, _reply in told(made)] == ["desk0@example.com", ""]


def test_those_of_a_delivery_that_is_not_over_stay(proof, kept_for):
    made = proof()
    Delivery.objects.filter(pk=made.delivery_id).update(ended_at=clock.now() - timedelta(days=10))
    kept_for(proofs=30)

    assert applying.apply(at=clock.now()).rows == {}
    assert told(made)[0][0] == "desk0@example.com"


def test_the_link_of_an_emptied_copy_and_the_page_of_proofs_break_nothing(proof, kept_for, administrator):
    made = proof()
    copy = made.messages.first()
    kept_for(proofs=30)
    applying.apply(at=clock.now())
    token = default_signer().sign(Purpose.MIRROR, made.delivery.key, showing.number_of(copy))
    desk = Client()
    desk.force_login(administrator)

    assert Client().get(f"/m/{token}").status_code in (200, 410)
    page = desk.get(reverse("reporting:delivery-retention", args=[made.delivery_id]))
    assert "Copies of proofs" in page.content.decode()
