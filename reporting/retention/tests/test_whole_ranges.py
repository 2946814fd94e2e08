"""Where all that lies in a range is due it goes at once; where any of it must stay, or comes, the rest goes in slices."""

import json
from functools import partial
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Profile
from campaign.lib import clock, partitions
from campaign.stack.module_db import once
from deliveries.ledger import deleting, ranges
from deliveries.models import Delivery, Doubt, Exclusion, Message
from deliveries.operations import reconciliation
from deliveries.preparation import verbs as preparation
from deliveries.retention import holds, purging
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute, first_range_ends, recipients
from feedback import unsubscribes
from reporting.reports import summary
from reporting.retention import applying
from reporting.tests.factories import old_delivery

pytestmark = pytest.mark.django_db
SIZE = 50


@pytest.fixture(autouse=True)
def _of_fifty(settings):
    settings.SINETE = settings.SINETE | {"partition_deliveries": SIZE}


@pytest.fixture
def short_ranges(request, _of_fifty):
    """Ranges of fifty deliveries, from the next on; return the first of these."""
    if "in_one_range" in request.fixturenames:
        return request.getfixturevalue("in_one_range")[0].pk
    return fifties_begin()


def fifties_begin():
    end = (ranges.last_id() // SIZE + 1) * SIZE
    first_range_ends(end)
    go_on_at(end)
    return end


def go_on_at(number):
    execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s, false)", number)


@once
def due_together():
    """Two deliveries of a range that are due, with rows of all kinds; deliveries of the next ranges were made since."""
    with override_settings(SINETE=settings.SINETE | {"partition_deliveries": SIZE}):
        return _due_together(fifties_begin())


@pytest.fixture
def in_one_range(due_together, _of_fifty):
    """These, and the number of the next delivery is what it was: no savepoint takes it back."""
    go_on_at(due_together[0].pk + SIZE + 1)
    return due_together


def _due_together(first):
    made = [old_delivery(), old_delivery(sent=2)]
    for delivery in made:
        execute(
            "INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)"
            " VALUES (%s, %s, 77, 'x@example.com', 'quarantined')",
            delivery.pk, delivery.preparation_id,
        )  # fmt: skip
    go_on_at(first + SIZE)
    DeliveryFactory()
    return made


def figures(delivery):
    found = summary.summary(Delivery.objects.get(pk=delivery.pk), user=None, at=clock.now())
    return found.as_dict() | {"counts": found.counts}


def tables(first):
    return [each.name for table in ranges.TABLES for each in ranges.ranges(table) if each.first == first]


def name_of(first):
    return f"DM{first}–DM{first + SIZE - 1}"


def rows(delivery):
    return [model.objects.filter(delivery=delivery).count() for model in (Message, Exclusion, Doubt)]


def test_what_is_all_due_goes_with_its_partitions_and_the_figures_stay(in_one_range, kept_for, short_ranges):
    one, other = in_one_range
    before = [figures(each) for each in in_one_range]
    kept_for(30)

    done = applying.apply(at=clock.now())

    assert tables(short_ranges) == []
    assert (rows(one), rows(other)) == ([0, 0, 0], [0, 0, 0])
    assert [figures(each) for each in in_one_range] == before
    assert name_of(short_ranges) in done.ranges
    numbers = dict(one.purges.values_list("kind", "rows"))
    assert numbers["recipients"] == 7 + 1 + 1  # messages, an exclusion, and an outcome that was unknown
    assert all(purge.ended_at for each in in_one_range for purge in each.purges.all())
    assert (
        AuditEvent.objects.get(action="drop_range", detail__deliveries=name_of(short_ranges)).detail["rows"]
        == 11
    )
    assert reconciliation.reconcile(other.pk).off == []


def test_whoever_was_written_to_can_still_opt_out(in_one_range, kept_for, addressees):
    one, _other = in_one_range
    people = recipients(one)
    kept_for(30)

    applying.apply(at=clock.now())

    assert len(people) == 7
    assert addressees(one, 7) == people
    assert unsubscribes.opt_out(delivery_id=one.pk, seq=1, at=clock.now())
    assert Profile.objects.get(pk=people[0]).no_email


def test_with_a_held_delivery_the_range_stays_and_the_rest_of_it_goes_in_slices(
    in_one_range, kept_for, short_ranges, administrator
):
    one, other = in_one_range
    kept_for(30)
    holds.place(on=one, reason="Case 17", by=administrator, at=clock.now())

    done = applying.apply(at=clock.now())

    assert (rows(one), rows(other)) == ([7, 1, 1], [0, 0, 0])
    assert len(tables(short_ranges)) == 2
    assert name_of(short_ranges) not in done.ranges

    holds.lift(on=one, by=administrator, at=clock.now())
    applying.apply(at=clock.now())
    assert (rows(one), tables(short_ranges)) == ([0, 0, 0], [])


def test_a_hold_that_comes_at_the_last_moment_keeps_all_of_it(
    in_one_range, kept_for, administrator, monkeypatch, short_ranges
):
    one, _other = in_one_range
    kept_for(30)
    keep = purging.keep_addressees

    def keep_then_hold(delivery_id, **given):
        more = keep(delivery_id, **given)
        if not more and delivery_id == one.pk:
            holds.place(on=one, reason="Case 17", by=administrator, at=clock.now())
        return more

    monkeypatch.setattr(purging, "keep_addressees", keep_then_hold)

    done = applying.apply(at=clock.now())

    assert rows(one) == [7, 1, 1]
    assert name_of(short_ranges) not in done.ranges


def test_the_range_of_the_next_deliveries_never_goes(old, kept_for, short_ranges):
    delivery = old(sent=2)
    kept_for(30)

    applying.apply(at=clock.now())

    assert rows(delivery) == [0, 0, 0]
    assert len(tables(short_ranges)) == 2


@pytest.mark.parametrize(("is_prepared", "stay"), [(True, 2), (False, 0)])
def test_a_range_goes_beside_a_draft_and_stays_beside_a_preparation(
    is_prepared, stay, in_one_range, kept_for, short_ranges
):
    go_on_at(short_ranges + SIZE - 1)
    late = DeliveryFactory()
    go_on_at(short_ranges + SIZE + 1)
    DeliveryFactory()
    if is_prepared:  # it is queued, and writes its rows at any moment
        preparation.start(delivery=late, by=person("prepare", late.unit), at=clock.now())
    kept_for(30)

    applying.apply(at=clock.now())

    assert len(tables(short_ranges)) == stay
    assert rows(in_one_range[0]) == [0, 0, 0]


def test_a_range_that_went_is_made_again_for_a_draft_of_it(in_one_range, kept_for, short_ranges):
    kept_for(30)
    applying.apply(at=clock.now())
    go_on_at(short_ranges + SIZE - 1)

    late = DeliveryFactory(ready=True)

    assert rows(late)[0] == 3
    assert len(tables(short_ranges)) == 2


def test_an_empty_range_goes_with_the_nightly_run_alone(old, kept_for, short_ranges):
    ranges.ensure(short_ranges + SIZE)
    go_on_at(short_ranges + 3 * SIZE)
    DeliveryFactory()

    applying.apply(at=clock.now(), by=UserFactory(is_superuser=True))
    assert len(tables(short_ranges + SIZE)) == 2

    applying.apply(at=clock.now())
    assert tables(short_ranges + SIZE) == []


def test_killed_before_the_range_went_the_next_run_takes_it(
    in_one_range, kept_for, short_ranges, monkeypatch
):
    before = [figures(each) for each in in_one_range]
    kept_for(30)

    class Killed(BaseException):
        pass

    def kill(*_args, **_given):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "drop", kill)
        with pytest.raises(Killed):
            applying.apply(at=clock.now())
    assert rows(in_one_range[0]) == [7, 1, 1]
    assert [figures(each) for each in in_one_range] == before

    applying.apply(at=clock.now())

    assert tables(short_ranges) == []
    assert [figures(each) for each in in_one_range] == before


def test_the_dry_run_says_what_goes_at_once(in_one_range, kept_for, administrator, old, short_ranges):
    later = old(sent=1)
    kept_for(30)
    out = StringIO()

    call_command("apply_retention", "--dry-run", "--as", administrator.username, "--json", stdout=out)

    lines = {
        (line["delivery"], line["kind"]): line["goes_at_once"] for line in json.loads(out.getvalue())["lines"]
    }
    assert lines == {
        **{(each.name, "recipients"): True for each in in_one_range},
        **{(each.name, "reactions"): False for each in [*in_one_range, later]},
        (later.name, "recipients"): False,
    }
    assert len(tables(short_ranges)) == 2


def test_the_page_of_a_unit_says_what_goes_at_once(in_one_range, kept_for, administrator, client):
    kept_for(30)
    client.force_login(administrator)

    page = client.get(reverse("reporting:unit-retention", args=[root().pk])).content.decode()

    assert page.count("with their whole range of deliveries") == len(in_one_range)


def test_books_that_do_not_balance_keep_their_rows_and_the_range(in_one_range, kept_for, short_ranges):
    one, other = in_one_range
    execute("UPDATE deliveries_chunk SET sent = sent - 1, failed = failed + 1 WHERE delivery_id = %s", one.pk)
    kept_for(30)

    done = applying.apply(at=clock.now())

    assert list(done.passed_over) == [one.pk]
    assert (rows(one), rows(other), len(tables(short_ranges))) == ([7, 1, 1], [0, 0, 0], 2)


def test_figures_and_addressees_are_kept_in_slices_of_any_size(
    in_one_range, kept_for, monkeypatch, short_ranges, addressees
):
    kept_for(30)
    people = recipients(in_one_range[0])
    keep = purging.keep_addressees
    monkeypatch.setattr(purging, "keep_addressees", lambda pk, **given: keep(pk, most=2, **given))

    applying.apply(at=clock.now())

    assert tables(short_ranges) == []
    assert addressees(in_one_range[0], 7) == people


def test_what_was_begun_in_slices_goes_on_at_once_and_is_counted_once(in_one_range, kept_for, short_ranges):
    one, _other = in_one_range
    kept_for(30)
    at = clock.now()
    assert purging.purge_slice(
        one.pk,
        "recipients",
        at=at,
        delete=partial(deleting.delete_recipients, most=2),
        freeze=applying.freeze,
    )

    applying.apply(at=at)

    assert tables(short_ranges) == []
    assert one.purges.get(kind="recipients").rows == 7 + 1 + 1
