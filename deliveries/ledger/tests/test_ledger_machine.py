"""The ledger under whatever order of events: two lanes that hand over, are answered, lose commits, are fenced or die,
while the validity period ends, somebody pauses, resumes, stops, adopts a copy, resolves and sends again, and evidence
comes. A state machine draws the order; what must hold holds after
each step, and from wherever it ends the delivery comes to its end.

PostgreSQL, the lanes, the tick and the verbs are the real ones. Only the relay's answers and the accidents are
drawn.
"""

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test

from accounts.roles import root
from audiences.consent import consents
from audiences.models import Profile
from campaign.lib import clock
from deliveries.ledger.tests.lane_relay import CHUNK_ROWS, OPTED_OUT, PROVIDER, RECIPIENTS
from deliveries.ledger.tests.limited_machine import LimitedLedgerMachine
from deliveries.ledger.tests.machine import LedgerMachine
from deliveries.models import Message
from deliveries.tests.factories import DeliveryFactory, audience_of, person
from deliveries.tests.ledger_rows import execute, first_range_ended


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_ledger_holds_in_whatever_order_things_happen(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": CHUNK_ROWS, "retry_seconds": [0]}
    delivery = DeliveryFactory(sending=True, recipients=RECIPIENTS)
    row = Message.objects.get(delivery=delivery, seq=OPTED_OUT)
    consents.opt_out(profile_id=row.profile_id, channel="email", at=clock.now(), source="test")
    LedgerMachine.delivery, LedgerMachine.starter = delivery, person("start", delivery.unit)
    LedgerMachine.boss = person("administration", root())

    run_state_machine_as_test(LedgerMachine, settings=EFFORT)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_ledger_holds_under_limits_too(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": CHUNK_ROWS, "retry_seconds": [0]}
    audience = audience_of(root(), RECIPIENTS)
    for number, member in enumerate(audience.members.select_related("profile")):
        if number % 2:
            address = f"p{number}@{PROVIDER}"
            Profile.objects.filter(pk=member.profile_id).update(email=address, email_key=address)
    delivery = DeliveryFactory(sending=True, audience=audience)
    row = Message.objects.get(delivery=delivery, seq=OPTED_OUT)
    consents.opt_out(profile_id=row.profile_id, channel="email", at=clock.now(), source="test")
    LimitedLedgerMachine.delivery, LimitedLedgerMachine.starter = delivery, person("start", delivery.unit)
    LimitedLedgerMachine.boss = person("administration", root())

    run_state_machine_as_test(LimitedLedgerMachine, settings=EFFORT)


@pytest.fixture
def two_ranges():
    """Two deliveries, each in a range of its own: what stands at one place of the one does so of the other."""
    chosen = DeliveryFactory(sending=True, recipients=RECIPIENTS)
    with first_range_ended(chosen.pk + 1):
        # Nobody has it in hand while the other is sent.
        yield chosen, DeliveryFactory(ready=True, recipients=RECIPIENTS)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_ledger_holds_and_touches_no_delivery_of_another_range(settings, two_ranges):
    settings.SINETE = settings.SINETE | {"chunk_rows": CHUNK_ROWS, "retry_seconds": [0]}
    delivery, beside = two_ranges
    row = Message.objects.get(delivery=delivery, seq=OPTED_OUT)
    consents.opt_out(profile_id=row.profile_id, channel="email", at=clock.now(), source="test")
    LedgerMachine.delivery, LedgerMachine.starter = delivery, person("start", delivery.unit)
    LedgerMachine.boss = person("administration", root())
    before = list(Message.objects.filter(delivery=beside).order_by("seq").values())
    assert (
        len(execute("SELECT 1 FROM deliveries_message GROUP BY ctid HAVING count(*) = 2")) >= RECIPIENTS / 2
    )

    run_state_machine_as_test(LedgerMachine, settings=hypothesis_settings(EFFORT, max_examples=8))

    assert list(Message.objects.filter(delivery=beside).order_by("seq").values()) == before


EFFORT = hypothesis_settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
