"""The life cycle: one table, one door, and PostgreSQL behind it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import access
from accounts.models import Role
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.lifecycle import Step
from deliveries.models import Confirmation, Delivery, Status
from deliveries.preparation import verbs as preparation
from deliveries.sending import control, gate
from deliveries.tests.factories import STAGES, DeliveryFactory
from deliveries.tick import look

pytestmark = pytest.mark.django_db


def test_postgresql_holds_the_same_table_of_steps():
    with connection.cursor() as cursor:
        cursor.execute("SELECT old, new FROM deliveries_transition")
        there = set(cursor.fetchall())

    assert there == {(source.value, step.target.value) for step in Step for source in step.sources}


@pytest.mark.parametrize("new", sorted(set(Status) - {Status.DRAFT, Status.PREPARING, Status.EXPIRED}))
def test_postgresql_refuses_a_step_that_is_not_in_the_table(new):
    delivery = DeliveryFactory()

    with pytest.raises(IntegrityError, match="No step leads"), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(status=new)


def test_postgresql_refuses_a_release_without_a_confirmation_of_this_seal():
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(IntegrityError, match="No confirmation"), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(status=Status.SCHEDULED)


def test_postgresql_refuses_a_delivery_that_begins_anywhere_else():
    delivery = DeliveryFactory()

    with pytest.raises(IntegrityError, match="begins as draft"), transaction.atomic():
        Delivery.objects.create(unit=delivery.unit, label="x", status=Status.READY)


def test_postgresql_keeps_what_a_sealed_preparation_says():
    delivery = DeliveryFactory(ready=True)

    with pytest.raises(IntegrityError, match="sealed"), transaction.atomic():
        delivery.preparations.update(to_deliver=99)


ACTIONS = [
    "prepare", "run", "stop_preparation", "write", "edit_label", "new_time", "approve", "reject", "confirm", "take_back",
    "begin", "pause", "resume", "stop", "tick",
]  # fmt: skip


@given(st.sampled_from(["", *STAGES]), st.lists(st.sampled_from(ACTIONS), max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_sequence_of_steps_reaches_an_illegal_state(stage, actions):
    with transaction.atomic():
        delivery = DeliveryFactory(recipients=2, **({stage: True} if stage else {}))
        everyone = UserFactory()
        for code in ("prepare", "approve", "start"):
            access.grant(user=everyone, role=Role.objects.get(pk=code), unit=delivery.unit, by=None)
        legal = {(source, step.target) for step in Step for source in step.sources}
        for number, action in enumerate(actions):
            before = Delivery.objects.get(pk=delivery.pk)
            events = before.history.count()
            _try(action, before, everyone, number)
            after = Delivery.objects.get(pk=delivery.pk)
            changes = list(after.history.order_by("id")[events:])
            # Each change of status is a legal step, and each leaves one event.
            assert all((c.old, c.new) in legal for c in changes)
            trail = [before.status, *[c.new for c in changes]]
            assert trail[-1] == after.status
            assert all(old == new.old for old, new in zip(trail, changes, strict=False))
            if action == "write" and after.status != Status.DRAFT:
                assert after.content_id == before.content_id
            if after.status in {Status.SCHEDULED, Status.SENDING, Status.PAUSED, Status.FINISHED}:
                assert Confirmation.objects.filter(
                    delivery=after, seal=after.seal, taken_back_at=None
                ).exists()
        transaction.set_rollback(True)


def _try(action, delivery, by, number):
    at, seal = clock.now(), delivery.seal
    try:
        match action:
            case "prepare":
                preparation.start(delivery=delivery, by=by, at=at)
            case "run":
                if delivery.preparation_id:
                    preparation.run(preparation_id=delivery.preparation_id)
            case "stop_preparation":
                preparation.stop(delivery=delivery, by=by, at=at)
            case "write":
                drafting.write(delivery=delivery, by=by, at=at, subject=f"Subject {number}")
            case "edit_label":
                drafting.edit(delivery=delivery, by=by, at=at, label=f"Label {number}")
            case "new_time":
                date = at + timedelta(hours=number + 1)
                drafting.edit(delivery=delivery, by=by, at=at, schedule_kind="at_date", contact_date=date)
            case "approve":
                approval.approve(delivery=delivery, seal=seal, by=by, at=at)
            case "reject":
                approval.reject(delivery=delivery, seal=seal, by=by, at=at, comment="No")
            case "confirm":
                confirmation.confirm(delivery=delivery, seal=seal, by=by, at=at)
            case "begin":
                gate.begin(delivery.pk)
            case "tick":
                look.tick()
            case "take_back":
                confirmation.take_back(delivery=delivery, by=by, at=at)
            case _:
                getattr(control, action)(delivery=delivery, by=by, at=at)
    except Refusal:
        pass
