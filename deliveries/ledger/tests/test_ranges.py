"""Rows of recipients lie by ranges of deliveries: made before they are needed, by whoever needs them first."""

import json
import threading
from importlib import import_module
from io import StringIO
from itertools import pairwise

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from campaign.lib import clock, partitions, planner
from deliveries.ledger import bounces, ranges
from deliveries.ledger.bounces import Reported
from deliveries.models import Exclusion, Message, MessageStatus
from deliveries.overview.diagnosis import ledger
from deliveries.overview.diagnosis.ledger import of_ranges
from deliveries.sending.exchange import connection_parameters
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, first_range_ends
from feedback import jobs

migration = import_module("deliveries.migrations.0046_ledger_ranges")
pytestmark = pytest.mark.django_db
SIZE = 10


@pytest.fixture
def short_ranges(settings):
    """Ranges of ten deliveries each, from those on that come next."""
    settings.SINETE = settings.SINETE | {"partition_deliveries": SIZE}
    end = (ranges.last_id() // SIZE + 1) * SIZE
    first_range_ends(end)
    return end


def lies_in(delivery, table="deliveries_message"):
    return execute(
        f"SELECT DISTINCT tableoid::regclass::text FROM {table} WHERE delivery_id = %s", delivery.pk
    )


def at(first, **kinds):
    """A delivery with this id."""
    execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s, false)", first)
    return DeliveryFactory(**kinds)


def test_a_preparation_makes_the_range_that_it_needs(short_ranges):
    delivery = at(short_ranges + SIZE + 3, ready=True)

    assert delivery.pk == short_ranges + SIZE + 3
    assert lies_in(delivery) == [(f"deliveries_message_{short_ranges + SIZE}",)]
    assert Message.objects.filter(delivery=delivery).count() == 3


def test_what_is_made_is_as_the_first_was(short_ranges):
    ranges.ensure(short_ranges)

    options = dict(
        execute(
            "SELECT relname, reloptions FROM pg_class WHERE relname ~ '^deliveries_message_(first|[0-9]+)$'"
        )
    )
    made = options.pop(f"deliveries_message_{short_ranges}")
    assert sorted(made) == sorted(options["deliveries_message_first"])
    triggers = dict(
        execute(
            "SELECT tgrelid::regclass::text, array_agg(tgname ORDER BY tgname)::text[] FROM pg_trigger"
            " WHERE tgrelid::regclass::text ~ '^deliveries_message_(first|[0-9]+)$' GROUP BY 1"
        )
    )
    assert triggers[f"deliveries_message_{short_ranges}"] == triggers["deliveries_message_first"]
    uncounted = dict(
        execute(
            "SELECT attrelid::regclass::text, array_agg(attname ORDER BY attname)::text[] FROM pg_attribute"
            " WHERE attrelid::regclass::text ~ '^deliveries_message_(first|[0-9]+)$' AND attstattarget = 0 GROUP BY 1"
        )
    )
    assert uncounted[f"deliveries_message_{short_ranges}"] == uncounted["deliveries_message_first"]
    assert "values" in uncounted["deliveries_message_first"]
    indexes = execute(
        "SELECT count(*), bool_and(x.inhparent IS NOT NULL) FROM pg_index i LEFT JOIN pg_inherits x ON x.inhrelid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass",
        f"deliveries_message_{short_ranges}",
    )
    assert indexes == [(2, True)]


def test_ids_of_exclusions_go_on_whichever_range_they_are_in(short_ranges):
    ranges.ensure(short_ranges)
    execute(
        "INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)"
        " SELECT d, 1, 1, '', 'quarantined' FROM unnest(ARRAY[%s, %s, %s]) d",
        short_ranges - 1, short_ranges, short_ranges + 1,
    )  # fmt: skip

    numbers = list(
        Exclusion.objects.filter(preparation_id=1).order_by("delivery_id").values_list("id", flat=True)
    )
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_each_day_the_next_deliveries_get_where_to_lie_and_nothing_twice(short_ranges):
    execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s)", short_ranges + 1)
    assert not ranges.are_ahead()

    made = ranges.keep()

    assert made == [
        f"{table}_{first}" for first in (short_ranges, short_ranges + SIZE) for table in ranges.TABLES
    ]
    assert ranges.keep() == []
    assert ranges.are_ahead()


def test_the_daily_job_makes_them_the_command_lists_them_and_the_doctor_says_where_none_is_ahead(
    short_ranges,
):
    execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s)", short_ranges)
    assert [each.code for each in of_ranges()] == ["no_range_ahead"]

    jobs.keep_partitions()

    assert list(of_ranges()) == []
    out = StringIO()
    call_command("ledger_ranges", "--make", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["made"] == []
    assert [(each["name"], each["first"], each["end"]) for each in answer["ranges"]][:2] == [
        ("deliveries_message_first", None, short_ranges),
        (f"deliveries_message_{short_ranges}", short_ranges, short_ranges + SIZE),
    ]


def test_the_doctor_says_when_there_are_many(short_ranges, monkeypatch):
    ranges.ensure(ranges.last_id() + 1)
    monkeypatch.setattr(ledger, "MANY", 0)

    assert [each.code for each in of_ranges()] == ["many_ranges"]


def test_with_another_size_ranges_never_overlap(short_ranges, settings):
    ranges.ensure(short_ranges + SIZE)
    settings.SINETE = settings.SINETE | {"partition_deliveries": 7 * SIZE}

    for delivery_id in range(short_ranges, short_ranges + 20 * SIZE, SIZE // 2):
        ranges.ensure(delivery_id)

    there = ranges.ranges()
    assert all(one.end == other.first for one, other in pairwise(there))


def test_a_delivery_with_a_number_far_away_gets_a_range_of_its_own(short_ranges):
    assert ranges.ensure(short_ranges + 1_000_000 * SIZE) == [
        f"{table}_{short_ranges + 1_000_000 * SIZE}" for table in ranges.TABLES
    ]


def test_a_bounce_changes_the_row_of_its_own_delivery_and_none_that_stands_in_the_same_place(short_ranges):
    one = at(short_ranges, ready=True)
    other = at(short_ranges + SIZE, ready=True)
    places = execute("SELECT ctid::text, count(DISTINCT delivery_id) FROM deliveries_message GROUP BY 1")
    assert [number for _place, number in places] == [2, 2, 2]
    for delivery in (one, other):
        Message.objects.filter(delivery=delivery).update(status=MessageStatus.SENT)
    before = list(Message.objects.filter(delivery=other).order_by("seq").values())

    assert bounces.hold(one.pk, [2])
    reported = Reported(2, clock.now(), "hard", "user_unknown")
    assert bounces.bounce(one.pk, [reported]) == 1

    assert list(Message.objects.filter(delivery=other).order_by("seq").values()) == before
    assert Message.objects.get(delivery=one, seq=2).status == MessageStatus.BOUNCED


@pytest.mark.django_db(transaction=True)
def test_two_that_need_the_same_range_at_once_make_it_once(settings):
    settings.SINETE = settings.SINETE | {"partition_deliveries": SIZE}
    far, made, errors = 1_000_000_000, [], []

    def make():
        try:
            made.extend(ranges.ensure(far))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=make) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    try:
        assert errors == []
        assert sorted(made) == [f"deliveries_exclusion_{far}", f"deliveries_message_{far}"]
    finally:
        for name in made:
            execute(f"DROP TABLE {name}")


@pytest.mark.django_db(transaction=True)
def test_a_range_is_made_beside_those_who_write_and_gives_up_beside_one_who_locks_them_out(
    settings, monkeypatch
):
    monkeypatch.setattr(partitions.patiently, "__kwdefaults__", {"pauses": ()})
    settings.SINETE = settings.SINETE | {"partition_deliveries": SIZE}
    far = 1_000_000_000
    made = []
    try:
        with psycopg.connect(**connection_parameters()) as other:
            other.execute("UPDATE deliveries_message SET reply = reply")
            other.execute("SELECT count(*) FROM deliveries_exclusion")
            made += ranges.ensure(far)
        with psycopg.connect(**connection_parameters()) as other:
            other.execute("LOCK TABLE deliveries_message IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(OperationalError):
                ranges.ensure(far + SIZE)
    finally:
        for name in made:
            execute(f"DROP TABLE {name}")

    assert made == [f"deliveries_message_{far}", f"deliveries_exclusion_{far}"]


class Schema:
    connection = connection


def shape(table):
    """Columns with defaults, keys and indexes, triggers and grants, by the table's own name."""
    asked = (
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, attidentity <> '' FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname",
        "SELECT indexname::text, regexp_replace(indexdef, 'ONLY ', '') FROM pg_indexes WHERE tablename = %s ORDER BY 1",
        "SELECT tgname::text, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass"
        " AND NOT tgisinternal ORDER BY 1",
        "SELECT a.grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl) a WHERE oid = %s::regclass ORDER BY 1, 2",
    )
    return [execute(statement, table) for statement in asked]


@pytest.mark.django_db(transaction=True)
def test_the_tables_that_are_there_become_the_first_range_no_row_is_written_anew_and_back():
    execute("GRANT SELECT ON deliveries_message TO pg_monitor")
    delivery = DeliveryFactory(ready=True)
    before = {table: shape(table) for table in ranges.TABLES}
    rows = list(Message.objects.filter(delivery=delivery).order_by("seq").values())
    end = ranges.ranges()[0].end

    migration.into_one_table(None, Schema)
    assert ranges.ranges() == []
    assert list(Message.objects.filter(delivery=delivery).order_by("seq").values()) == rows
    files = {table: execute("SELECT pg_relation_filenode(%s::regclass)", table) for table in ranges.TABLES}
    migration.into_ranges(None, Schema)

    assert {table: shape(table) for table in ranges.TABLES} == before
    assert files == {
        table: execute("SELECT pg_relation_filenode(%s::regclass)", f"{table}_first")
        for table in ranges.TABLES
    }
    assert [(each.first, each.end) for each in ranges.ranges()] == [(None, end)]
    assert list(Message.objects.filter(delivery=delivery).order_by("seq").values()) == rows
    assert execute("SELECT count(*) FROM pg_constraint WHERE conname = %s", migration.PROVEN) == [(0,)]
    execute("REVOKE SELECT ON deliveries_message FROM pg_monitor")


def test_the_last_number_is_known_where_the_sequence_was_set_and_not_asked_since():
    following = ranges.last_id() + 5
    execute("SELECT setval(pg_get_serial_sequence('deliveries_delivery', 'id'), %s, false)", following)
    assert ranges.last_id() == following - 1

    assert DeliveryFactory().pk == following
    assert ranges.last_id() == following


def test_all_messages_together_are_counted_for_the_planner_only_when_it_knows_of_less_than_half(monkeypatch):
    monkeypatch.setattr(planner, "MANY", 1)
    execute("ANALYZE deliveries_message")  # what it counted for other tests stays, whatever they took back
    known = []

    for recipients in (4, 2, 3):
        DeliveryFactory(ready=True, recipients=recipients)
        known.append(planner.known_rows("deliveries_message"))

    assert known == [4, 4, 9]
