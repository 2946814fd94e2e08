"""A person whose address has an international domain: it is found in both of its spellings, and erased in both."""

import pytest

from accounts import audit
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.models import Import, ImportProblem, TestProfile
from audiences.profiles import people
from audiences.tests.factories import AudienceFactory, TestProfileFactory
from campaign.lib import clock
from deliveries.models import Proof, ProofMessage
from deliveries.tests.factories import DeliveryFactory
from reporting.persons import erasing

pytestmark = pytest.mark.django_db
ADDRESS, ASCII = "Ana@Bücher.example", "ana@xn--bcher-kva.example"


@pytest.fixture
def by():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def ana(by):
    """Somebody whose address colleagues have written as people write it."""
    ana = people.create(values={"email": ADDRESS}, unit=root(), by=by)
    TestProfileFactory(email=ADDRESS, label="Reader")
    delivery = DeliveryFactory()
    proof = Proof.objects.create(delivery=delivery, content=delivery.content, number=1, by=by, at=clock.now())
    ProofMessage.objects.create(proof=proof, address=ADDRESS, values={"email": ADDRESS}, status="sent")
    done = imports.register(name="a.csv", unit=root(), by=by, options=imports.Options())
    Import.objects.filter(pk=done.pk).update(samples=[[ADDRESS]])
    ImportProblem.objects.create(importing=done, line=2, reason="“%(value)s”", slots={"value": ADDRESS})
    audit.record("old", by=by, target=ana, address=ADDRESS)
    return ana


@pytest.mark.parametrize("named", [ADDRESS, ASCII])
def test_they_are_erased_in_both_spellings(ana, by, named):
    AudienceFactory(rule={"field": "email", "is": "=", "value": ADDRESS.lower()})
    whom = erasing.find(named, by=by)
    assert list(erasing.not_covered(whom)) == [("Rules of audiences that name the address", 1)]

    erasing.erase(whom, confirmed=ASCII, by=by, at=clock.now())

    assert not TestProfile.objects.exists()
    assert list(ProofMessage.objects.values_list("address", "values")) == [("", {})]
    assert list(ImportProblem.objects.values_list("slots", flat=True)) == [{"value": "…"}]
    assert list(Import.objects.values_list("samples", flat=True)) == [[]]
    assert AuditEvent.objects.get(action="old").detail["address"] == "…"
