"""A look opens and closes alerts, once each, and holds a send that passes a limit."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory
from alerts import limits, watching, words
from alerts.models import Alert, AlertNotice, Baseline, Condition, Pulse
from alerts.webhooks import registry
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.models import Delivery, MessageStatus, Status
from deliveries.overview import diagnosis
from deliveries.sending import control, gate
from deliveries.sending.control import halts
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from feedback.models import IncomingMail, Report
from reporting.models import DeliveryStatistics
from reporting.tests.factories import delivery_with, outcome

pytestmark = pytest.mark.django_db


@pytest.fixture
def limited():
    """Limits that small deliveries reach: call it for a unit."""

    def save(unit, **values):
        administrator = person("administration", unit)
        limits.save(
            unit=unit, by=administrator, **({"least": 4, "bounces": Decimal(20), "holds": True} | values)
        )

    return save


@once
def refused():
    """On its way to ten: three are sent, two failed."""
    return delivery_with(sending=True, recipients=10, sent=3, failed=2)


@pytest.fixture
def bouncing(refused, limited):
    """Beyond the limit of its unit."""
    limited(refused.unit)
    return refused


def complain(delivery, seq, number):
    """A complaint as its reader leaves it."""
    mail = IncomingMail.objects.create(
        digest=f"{delivery.pk}-{number}".encode(), raw=b"", read_at=clock.now()
    )
    Report.objects.create(mail=mail, number=1, at=clock.now(), kind="complaint", reason="abuse",
                          evidence="header", delivery=delivery, seq=seq)  # fmt: skip


def open_conditions(delivery):
    return set(Alert.objects.open().filter(delivery=delivery).values_list("condition", flat=True))


def test_a_send_that_passes_its_limit_is_held_once_with_the_reason(bouncing):
    assert watching.look() == 1
    assert watching.look() == 0

    alert = Alert.objects.get(delivery=bouncing)
    bouncing.refresh_from_db()
    assert (alert.condition, alert.part, alert.base, alert.percent) == ("bounces", 2, 5, Decimal("40.00"))
    assert alert.held_at is not None
    assert bouncing.status == Status.PAUSED
    assert bouncing.history.filter(step="hold").count() == 1
    with translation.override("en"):
        (said,) = [
            one for one in diagnosis.about_itself(bouncing, at=clock.now()) if one.code == "held_by_limit"
        ]
    assert "bounces and errors are 40% of 5 sent, the limit is 20%" in said.text
    assert "Resume" in said.text


def test_of_a_held_send_a_webhook_hears_that_it_is_paused_and_its_log_reads_in_each_language(
    bouncing, limited
):
    webhook, _secret = registry.create(
        unit=bouncing.unit, label="Chat", url="https://example.com/", by=person("administration", bouncing.unit),
        at=clock.now(),
    )  # fmt: skip
    limited(bouncing.unit, bounces=Decimal("12.5"))

    watching.look()

    told = json.loads(webhook.messages.get().body)["data"]
    assert (told["status"], told["limit"]) == ("paused", "12.50")
    with translation.override("pt-br"):
        assert "40% de 5" in (line := bouncing.log.latest("pk").message)
        assert "12,5%" in line


def test_whoever_resumes_it_is_not_overruled(bouncing):
    watching.look()

    control.resume(delivery=bouncing, by=person("start", bouncing.unit), at=clock.now())
    outcome(bouncing, 6, MessageStatus.FAILED)
    watching.look()

    bouncing.refresh_from_db()
    assert bouncing.status == Status.SENDING
    assert Alert.objects.filter(delivery=bouncing).count() == 1


def test_the_alert_is_over_when_the_rate_has_calmed_and_comes_anew_with_the_condition(bouncing, limited):
    watching.look()
    control.resume(delivery=bouncing, by=person("start", bouncing.unit), at=clock.now())

    limited(bouncing.unit, bounces=Decimal(90))
    watching.look()
    assert open_conditions(bouncing) == set()

    limited(bouncing.unit, bounces=Decimal(20))
    watching.look()
    bouncing.refresh_from_db()
    assert bouncing.status == Status.PAUSED
    assert Alert.objects.filter(delivery=bouncing).count() == 2


def test_fewer_messages_than_the_least_hold_nothing(bouncing, limited):
    limited(bouncing.unit, least=6)

    assert watching.look() == 0


def test_where_no_limit_holds_people_are_told_and_the_send_goes_on(bouncing, limited):
    limited(bouncing.unit, holds=False)

    watching.look()

    bouncing.refresh_from_db()
    assert bouncing.status == Status.SENDING
    assert open_conditions(bouncing) == {"bounces"}


def test_an_open_alert_comes_to_hold_the_send_and_is_unread_again(bouncing, limited):
    limited(bouncing.unit, holds=False)
    watching.look()
    AlertNotice.objects.update(seen_at=clock.now())

    limited(bouncing.unit, holds=True)
    watching.look()
    watching.look()

    alert = Alert.objects.get(delivery=bouncing)
    bouncing.refresh_from_db()
    assert bouncing.status == Status.PAUSED
    assert alert.held_at is not None
    assert alert.notices.filter(seen_at=None).exists()


def test_limits_come_down_the_tree_and_the_nearest_unit_says_what_holds(limited):
    above = UnitFactory()
    below = UnitFactory(parent=above)
    limited(above, bounces=Decimal(20), least=7)
    limited(below, bounces=None, least=3, holds=None)

    held = limits.of_unit(below)

    assert (held.bounces, held.least, held.holds) == (Decimal(20), 3, True)


def test_complaints_and_opt_outs_come_from_what_is_stored(limited):
    delivery = delivery_with(sending=True, recipients=10, sent=8)
    limited(delivery.unit, bounces=None, complaints=Decimal(10), opt_outs=Decimal(30), holds=False)
    DeliveryStatistics.objects.create(delivery=delivery, unsubscribers=3, folded_at=clock.now())
    for number, seq in enumerate((1, 1, 2)):
        complain(delivery, seq, number)

    watching.look()

    found = {alert.condition: (alert.part, alert.base) for alert in Alert.objects.all()}
    assert found == {"complaints": (2, 8), "opt_outs": (3, 8)}


def test_what_failed_or_could_not_be_prepared_is_told_once():
    failed = DeliveryFactory(sending=True)
    gate.fail(failed.pk, because="What is prepared is not what was confirmed.")
    broken = DeliveryFactory(content={"subject": ""})
    bring_to(broken, "prepared", by=person("prepare", broken.unit))

    watching.look()
    watching.look()
    watching.look(is_wide=True)

    assert open_conditions(failed) == {"failed"}
    assert open_conditions(broken) == {"preparation_failed"}
    assert Alert.objects.count() == 2


def test_whoever_stopped_it_need_not_be_told():
    delivery = DeliveryFactory(sending=True)
    starter = person("start", delivery.unit)
    control.stop(delivery=delivery, by=starter, at=clock.now())

    watching.look()

    alert = Alert.objects.get(delivery=delivery)
    assert alert.condition == Condition.STOPPED
    assert not alert.notices.filter(user=starter).exists()
    assert alert.notices.filter(user=delivery.created_by).exists()


@pytest.mark.usefixtures("real_time_again")
def test_late_waiting_and_still_are_found_by_the_clock():
    late = DeliveryFactory(scheduled=True)
    waiting = DeliveryFactory(ready=True)
    still = DeliveryFactory(sending=True)
    watching.look()
    assert not Alert.objects.exists()

    clock.set_offset(timedelta(minutes=61))
    watching.look()

    assert open_conditions(late) == {"late"}
    assert open_conditions(waiting) == {"waiting"}
    assert open_conditions(still) == {"not_moving"}
    gate.begin(late.pk)
    watching.look()
    assert open_conditions(late) == set()


def test_a_send_that_moves_again_is_no_alert_any_more():
    delivery = DeliveryFactory(sending=True)
    watching.look()
    long_ago = clock.now() - timedelta(hours=1)
    Pulse.objects.update(moved_at=long_ago)
    Delivery.objects.update(changed_at=long_ago)
    watching.look()
    assert open_conditions(delivery) == {"not_moving"}

    outcome(delivery, 1, MessageStatus.SENT)
    watching.look()

    assert open_conditions(delivery) == set()


@pytest.mark.usefixtures("real_time_again")
def test_a_send_that_was_stopped_for_hours_did_not_stand_still_meanwhile():
    delivery = DeliveryFactory(sending=True)
    starter = person("start", delivery.unit)
    watching.look()
    halts.stop_all(unit=delivery.unit, by=starter, at=clock.now(), reason="A mistake in the price")
    clock.set_offset(timedelta(hours=3))
    watching.look()

    halts.allow(unit=delivery.unit, by=starter, at=clock.now())
    watching.look()
    assert open_conditions(delivery) == set()

    clock.set_offset(timedelta(hours=3, minutes=16))
    watching.look()
    assert open_conditions(delivery) == {"not_moving"}


def test_what_is_usual_in_a_unit_is_counted_from_its_last_finished_deliveries(limited):
    for _number in range(3):
        delivery_with(sent=99, failed=1)
    delivery = delivery_with(sending=True, recipients=40, sent=30, failed=10)
    limited(delivery.unit, bounces=Decimal(50))

    watching.look()

    usual = Baseline.objects.get()
    assert (usual.deliveries, usual.answered, usual.refused) == (3, 300, 3)
    alert = Alert.objects.get(delivery=delivery)
    assert (alert.limit, alert.typical) == (None, Decimal("1.00"))
    with translation.override("en"):
        assert words.sentence(alert) == (
            "Bounces and errors: 10 of 40 sent, 25%. Like deliveries of the unit have 1%."
        )


def test_what_bounced_late_is_found_by_the_hourly_look(limited):
    delivery = delivery_with(sent=3, failed=2)
    limited(delivery.unit)
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=2))

    assert watching.look() == 0
    assert watching.look(is_wide=True) == 1


def test_a_look_costs_the_same_statements_for_many_deliveries(django_assert_num_queries):
    DeliveryFactory(sending=True)
    watching.look()
    with CaptureQueriesContext(connection) as one:
        watching.look()
    for _number in range(4):
        DeliveryFactory(sending=True)
    watching.look()

    with django_assert_num_queries(len(one)):
        watching.look()


def test_a_hold_leaves_its_step_in_the_trail_of_the_delivery(bouncing):
    watching.look()

    step = bouncing.history.get(step="hold")
    assert step.by is None
    assert step.detail["slots"]["percent"] == 40
    assert AuditEvent.objects.filter(action="save_alert_limits").exists()
