from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections, transaction

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from campaign.lib import clock
from deliveries.ledger import deleting
from deliveries.models import (
    Delivery,
    Doubt,
    Exclusion,
    Message,
    MessageStatus,
    Purge,
    RetentionKind,
)
from deliveries.operations import reconciliation, remainders
from deliveries.retention import holds
from deliveries.tests.factories import DeliveryFactory, person
from feedback import forgetting, unsubscribes
from feedback.models import Hit, HitKind
from feedback.tests.factories import hit
from reporting import jobs
from reporting.counting import statistics
from reporting.reports import summary
from reporting.retention import applying, planning
from reporting.retention.kinds import KINDS
from reporting.tests.factories import falsify

pytestmark = pytest.mark.django_db


def figures(delivery: Delivery) -> dict[str, Any]:
    """All that pages and files count of a delivery."""
    found = summary.summary(
        Delivery.objects.get(pk=delivery.pk), user=None, at=clock.now(), zone=ZoneInfo("America/Sao_Paulo")
    )
    return found.as_dict() | {"counts": found.counts, "classes": statistics.by_class(delivery.pk)}


def rows(delivery: Delivery) -> int:
    return sum(model.objects.filter(delivery=delivery).count() for model in (Message, Exclusion, Hit, Doubt))


def test_without_a_setting_nothing_goes(old_one):
    applying.apply(at=clock.now())

    assert planning.plan(at=clock.now()) == []
    assert rows(old_one) == 11


def test_all_figures_stay_and_the_rows_go(old_one, kept_for):
    before = figures(old_one)
    kept_for(30)

    applying.apply(at=clock.now())

    assert rows(old_one) == 0
    assert figures(old_one) == before
    assert {(purge.kind, purge.days, purge.unit) for purge in old_one.purges.exclude(ended_at=None)} == {
        ("recipients", 30, root()), ("reactions", 30, root()),
    }  # fmt: skip


@pytest.mark.parametrize("kind", [RetentionKind.RECIPIENTS, RetentionKind.REACTIONS])
def test_one_kind_goes_without_the_other_and_the_figures_stay(kind, old_one, kept_for):
    before = figures(old_one)
    kept_for(**{kind.value: 30})

    applying.apply(at=clock.now())

    assert figures(old_one) == before
    assert Message.objects.filter(delivery=old_one).exists() is (kind != RetentionKind.RECIPIENTS)
    assert Hit.objects.filter(delivery=old_one).exists() is (kind != RetentionKind.REACTIONS)


def test_a_recount_a_late_hit_and_the_hourly_count_change_nothing(old_one, kept_for, administrator):
    kept_for(30)
    applying.apply(at=clock.now())
    before = figures(old_one)

    hit(old_one, HitKind.OPEN, 3)
    statistics.count_hourly()
    run = statistics.compute(run_id=statistics.ask(delivery=old_one, by=administrator, at=clock.now()).pk)

    assert figures(old_one) == before
    assert (run.chunks_repaired, run.difference) == (0, {})


def test_a_late_hit_goes_with_the_next_run(old_one, kept_for):
    kept_for(30)
    applying.apply(at=clock.now())
    hit(old_one, HitKind.OPEN, 3)

    applying.apply(at=clock.now())

    assert not Hit.objects.filter(delivery=old_one).exists()
    assert old_one.purges.get(kind="reactions").rows == 4


def test_the_books_still_balance_and_say_that_rows_are_gone(old, kept_for):
    delivery = old(sent=5)
    kept_for(30)
    applying.apply(at=clock.now())

    books = reconciliation.reconcile(delivery.pk)

    assert (books.off, books.gone) == ([], delivery.purges.get(kind="recipients"))
    falsify(delivery, sent=4)
    assert [off.check for off in reconciliation.reconcile(delivery.pk).off] != []


def test_the_plan_says_what_goes_by_delivery_and_kind_and_changes_nothing(
    old, kept_for, django_assert_num_queries
):
    delivery, other = old(), old(sent=2)
    kept_for(30)

    lines = {(line.delivery.pk, line.kind.value): line.rows for line in planning.plan(at=clock.now())}

    assert lines == {
        (delivery.pk, "recipients"): 8, (delivery.pk, "reactions"): 3, (other.pk, "recipients"): 2,
        (other.pk, "reactions"): 3,
    }  # fmt: skip
    assert rows(delivery) == 11


def test_the_plan_asks_as_often_for_five_deliveries_as_for_one(old, kept_for, django_assert_max_num_queries):
    old(sent=2)
    kept_for(30)
    with django_assert_max_num_queries(21) as one:
        planning.plan(at=clock.now())
    for _ in range(4):
        old(sent=2)

    with django_assert_max_num_queries(len(one.captured_queries)):
        assert len(planning.plan(at=clock.now())) == 10


def test_what_is_not_old_enough_stays(old_one, kept_for):
    kept_for(101)

    applying.apply(at=clock.now())

    assert rows(old_one) == 11


def test_a_unit_below_may_keep_for_ever(kept_for, old_one):
    unit = UnitFactory(parent=root())
    Delivery.objects.filter(pk=old_one.pk).update(unit=unit)
    kept_for(30)
    kept_for(0, unit=unit)

    applying.apply(at=clock.now())

    assert rows(old_one) == 11


@pytest.mark.parametrize("where", ["delivery", "unit"])
def test_a_hold_keeps_all_of_it_until_it_is_lifted(where, old_one, kept_for, administrator):
    on = old_one if where == "delivery" else root()
    kept_for(30)
    holds.place(on=on, reason="Case 17", by=administrator, at=clock.now())

    applying.apply(at=clock.now())
    assert rows(old_one) == 11

    holds.lift(on=on, by=administrator, at=clock.now())
    applying.apply(at=clock.now())
    assert rows(old_one) == 0


@pytest.mark.parametrize("stage", ["scheduled", "sending", "paused", "ready"])
def test_what_is_not_over_is_let_alone(stage, kept_for):
    delivery = DeliveryFactory(**{stage: True})
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    kept_for(30)

    applying.apply(at=clock.now())

    assert Message.objects.filter(delivery=delivery).count() == 3


def test_what_a_remainder_still_needs_stays(kept_for):
    delivery = DeliveryFactory(stopped=True)
    remainder = remainders.create(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    kept_for(30)

    applying.apply(at=clock.now())

    assert remainder.remainder_of == delivery
    assert Message.objects.filter(delivery=delivery).count() == 3


def test_no_remainder_is_made_of_rows_that_are_gone(kept_for):
    delivery = DeliveryFactory(stopped=True)
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    kept_for(30)
    applying.apply(at=clock.now())
    delivery.refresh_from_db()

    assert not remainders.is_possible(delivery)
    with pytest.raises(remainders.RowsGone):
        remainders.create(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())


def test_books_that_do_not_balance_keep_their_rows(old, kept_for):
    delivery, other = old(sent=3), old(sent=3)
    falsify(delivery, sent=2, failed=1)
    kept_for(30)

    done = applying.apply(at=clock.now())

    assert list(done.passed_over) == [delivery.pk]
    assert (Message.objects.filter(delivery=delivery).count(), rows(other)) == (3, 0)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("at_slice", [1, 3, 6])
def test_killed_at_any_slice_the_next_run_ends_it_and_the_figures_stay(
    at_slice, old_one, kept_for, monkeypatch
):
    before = figures(old_one)
    kept_for(30)
    _slices_of_two(monkeypatch, kill_at=at_slice)
    with pytest.raises(Killed):
        applying.apply(at=clock.now())
    assert figures(old_one) == before
    reconciled = reconciliation.reconcile(old_one.pk)
    assert reconciled.off == []

    _slices_of_two(monkeypatch)
    applying.apply(at=clock.now())

    assert rows(old_one) == 0
    assert figures(old_one) == before
    assert sum(old_one.purges.values_list("rows", flat=True)) == 11


def _slices_of_two(monkeypatch, *, kill_at=0):
    taken = iter(range(1, 1000))

    def killing(delete: Callable[..., int]) -> Callable[[int], int]:
        def slice_(pk: int) -> int:
            number = delete(pk, most=2)
            if next(taken) == kill_at:
                raise Killed
            return number

        return slice_

    deletes = {"recipients": deleting.delete_recipients, "mail": lambda pk, most: 0}
    kinds = [
        type(kind)(
            kind.kind,
            kind.has_rows,
            kind.count,
            killing(deletes.get(kind.kind.value) or forgetting.delete_hits),
        )
        for kind in KINDS
    ]
    monkeypatch.setattr(applying, "KINDS", kinds)


def test_a_run_whose_time_is_over_says_so_and_the_next_goes_on(old_one, kept_for):
    kept_for(30)

    done = applying.apply(at=clock.now(), seconds=-1)

    assert (done.is_done, rows(old_one)) == (False, 11)
    assert applying.apply(at=clock.now()).is_done


def test_an_opt_out_link_still_works_once_its_row_is_gone(old, kept_for):
    delivery = old(sent=2)
    profile_id = Message.objects.get(delivery=delivery, seq=1).profile_id
    kept_for(30)
    applying.apply(at=clock.now())

    assert unsubscribes.opt_out(delivery_id=delivery.pk, seq=1, at=clock.now())

    assert Profile.objects.get(pk=profile_id).no_email


def test_of_whom_nothing_was_sent_to_nothing_is_kept(kept_for, addressees):
    delivery = DeliveryFactory(stopped=True)
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=100))
    people = [
        None if status == MessageStatus.CANCELLED else profile_id
        for status, profile_id in Message.objects.filter(delivery=delivery)
        .order_by("seq")
        .values_list("status", "profile_id")
    ]
    kept_for(30)

    applying.apply(at=clock.now())

    assert None in people
    assert addressees(delivery, len(people)) == people


def test_the_daily_job_does_the_same_and_all_of_it_is_in_the_audit_trail(old_one, kept_for):
    kept_for(30)

    jobs.apply_retention()

    assert rows(old_one) == 0
    event = AuditEvent.objects.get(action="apply_retention")
    assert event.detail["rows"] == {"recipients": 8, "reactions": 3}
    ended = AuditEvent.objects.filter(action="end_purge", target_id=str(old_one.pk))
    assert {each.detail["kind"] for each in ended} == {"recipients", "reactions"}


def test_an_administrator_applies_it_to_their_own_units_alone(old_one, kept_for):
    kept_for(30)
    below = UserFactory(roles={"administration": UnitFactory(parent=root())})

    applying.apply(at=clock.now(), by=below)

    assert rows(old_one) == 11


@pytest.mark.django_db(transaction=True)
def test_a_delivery_that_somebody_holds_locked_is_passed_by(old, kept_for):
    delivery = old()
    kept_for(30)
    other = connections["default"].copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM deliveries_delivery WHERE id = %s FOR UPDATE", [delivery.pk])
        applying.apply(at=clock.now())
        assert not Purge.objects.exists()
    finally:
        other.rollback()
        other.close()
    with transaction.atomic():
        assert rows(delivery) == 11
