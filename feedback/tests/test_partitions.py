"""The tracking log goes by month: what comes has its partition, what strayed finds it, what is old is dropped."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.sending.exchange import connection_parameters
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute
from feedback import jobs
from feedback.hits import faults, partitions
from feedback.models import Hit, HitKind, first_id_at, moment_of, time_ordered_uuid
from feedback.tests.factories import hit
from reporting.counting import statistics

pytestmark = pytest.mark.django_db
migration = import_module("feedback.migrations.0005_hits_by_month")
THIS_MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month(number):
    """The first moment of the month so many months from now."""
    year, index = divmod(THIS_MONTH.year * 12 + THIS_MONTH.month - 1 + number, 12)
    return THIS_MONTH.replace(year=year, month=index + 1)


def opened_in(delivery, number, seq=1):
    made = UUID(
        int=first_id_at(month(number) + timedelta(days=3)).int | time_ordered_uuid().int & (1 << 74) - 1
    )
    return hit(delivery, HitKind.OPEN, seq, id=made)


def lies_in(of):
    return execute("SELECT tableoid::regclass::text FROM feedback_hit WHERE id = %s", of.id)[0][0]


def name_of(number):
    return f"feedback_hit_{month(number):%Y_%m}"


def run(*arguments):
    out = StringIO()
    call_command("hit_partitions", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def administrator():
    return UserFactory(is_superuser=True)


@pytest.fixture
def aged():
    """As a year after the migration: what was before this month is the first partition's."""
    execute("ALTER TABLE feedback_hit DETACH PARTITION feedback_hit_first")
    execute(
        f"ALTER TABLE feedback_hit ATTACH PARTITION feedback_hit_first FOR VALUES FROM (MINVALUE) TO ('{first_id_at(THIS_MONTH)}')"
    )
    partitions.keep()


def test_an_id_tells_when_it_was_made():
    before = datetime.now(UTC)
    made = moment_of(time_ordered_uuid())

    assert abs(made - before) < timedelta(seconds=5)
    assert moment_of(first_id_at(month(1))) == month(1)
    assert moment_of(UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")) is None


def test_a_hit_lies_in_the_partition_of_its_month_and_is_found_like_any(aged):
    delivery = DeliveryFactory(finished=True)

    now, later = opened_in(delivery, 0), opened_in(delivery, 2)

    assert (lies_in(now), lies_in(later)) == (name_of(0), name_of(2))
    assert {each.id for each in Hit.objects.filter(delivery=delivery)} == {now.id, later.id}


def test_a_hit_is_there_once_wherever_it_lies(aged):
    delivery = DeliveryFactory(finished=True)
    first = opened_in(delivery, 2)

    with pytest.raises(IntegrityError), transaction.atomic():
        hit(delivery, HitKind.OPEN, 1, id=first.id)

    assert Hit.objects.count() == 1


def test_what_has_no_partition_is_told_and_moves_once_it_has_one(aged):
    execute(f"DROP TABLE {name_of(2)}")
    strayed = opened_in(DeliveryFactory(finished=True), 2)
    assert lies_in(strayed) == "feedback_hit_default"
    assert [each.code for each in faults.of_partitions(clock.now())] == ["hits_without_partition"]

    answer = run("--make")

    assert answer["made"] == [name_of(2)]
    assert answer["strays"] == 0
    assert lies_in(strayed) == name_of(2)
    assert not list(faults.of_partitions(clock.now()))


def test_each_day_what_is_missing_is_made_and_nothing_twice(aged):
    execute(
        f"DROP TABLE {name_of(1)}",
    )
    execute(f"DROP TABLE {name_of(3)}")

    jobs.keep_partitions()

    assert {name_of(number) for number in range(4)} <= {each.name for each in partitions.partitions()}
    assert partitions.keep() == []


def test_the_doctor_says_where_no_partition_was_made_ahead(aged):
    for number in (1, 2, 3, 4, 5):
        execute(f"DROP TABLE IF EXISTS {name_of(number)}")
    execute(f"ALTER TABLE feedback_hit DETACH PARTITION {name_of(0)}")

    (found,) = faults.of_partitions(clock.now())

    assert (found.code, found.is_fault) == ("no_partitions_ahead", True)


@pytest.mark.django_db(transaction=True)
def test_while_somebody_reads_for_long_it_waits_and_nobody_waits_long_behind_it(monkeypatch):
    monkeypatch.setattr(partitions, "PAUSES", (0.1,) * 50)
    partitions.keep()
    execute(f"DROP TABLE {name_of(2)}")
    made, waited = [], []

    with (
        psycopg.connect(**connection_parameters()) as long,
        psycopg.connect(**connection_parameters(), autocommit=True) as other,
    ):
        long.execute("SELECT count(*) FROM feedback_hit")
        maker = threading.Thread(target=lambda: (made.extend(partitions.keep()), connection.close()))
        maker.start()
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            began = time.monotonic()
            other.execute("SELECT count(*) FROM feedback_hit")
            waited.append(time.monotonic() - began)
        assert made == []
        long.rollback()
        maker.join(20)

    assert made == [name_of(2)]
    assert 0.1 < max(waited) < 1.0


@pytest.mark.django_db(transaction=True)
def test_where_somebody_reads_for_too_long_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(partitions, "PAUSES", ())
    partitions.keep()
    execute(f"DROP TABLE {name_of(2)}")

    with psycopg.connect(**connection_parameters()) as long:
        long.execute("SELECT count(*) FROM feedback_hit")
        with pytest.raises(partitions.Busy):
            partitions.keep()

    assert partitions.keep() == [name_of(2)]


def test_a_hit_of_a_clock_that_went_wrong_stays_where_it_can_be_seen():
    far = hit(DeliveryFactory(finished=True), HitKind.OPEN, 1, id=first_id_at(month(500)))

    assert partitions.keep() == []

    assert lies_in(far) == "feedback_hit_default"
    assert run()["strays"] == 1


def test_the_oldest_goes_with_its_hits_and_figures_stay_as_they_were_counted(aged, administrator):
    delivery = DeliveryFactory(finished=True)
    Delivery.objects.filter(pk=delivery.pk).update(started_at=month(-3))
    opened_in(delivery, -1)
    opened_in(delivery, 0, seq=2)

    dropped = run("--drop", "feedback_hit_first", "--yes", "--as", administrator.username)

    assert dropped["dropped"]["name"] == "feedback_hit_first"
    assert Hit.objects.filter(delivery=delivery).count() == 1
    assert partitions.kept_since() == THIS_MONTH
    statistics.count_hourly()
    asked = statistics.ask(delivery=delivery, by=administrator, at=clock.now())
    assert statistics.compute(run_id=asked.pk).difference == {}
    assert statistics.counts(delivery).openers == 2
    assert AuditEvent.objects.get(action="drop_hits").detail["partition"] == "feedback_hit_first"


def test_what_began_since_is_recounted_as_before(aged, administrator):
    partitions.drop(name="feedback_hit_first", by=administrator)
    delivery = DeliveryFactory(finished=True)
    Delivery.objects.filter(pk=delivery.pk).update(started_at=THIS_MONTH + timedelta(seconds=1))
    hit(delivery, HitKind.OPEN, 1)
    delivery.statistics.__class__.objects.update(openers=7)

    asked = statistics.ask(delivery=delivery, by=administrator, at=clock.now())

    assert statistics.compute(run_id=asked.pk).difference == {"openers": -6}


@pytest.mark.parametrize(
    "name", [name_of(0), name_of(1), "feedback_hit_default", "feedback_report", 'x"; DROP TABLE y']
)
def test_only_the_oldest_whose_time_is_over_can_go(aged, administrator, name):
    with pytest.raises((partitions.StillNeeded, partitions.NotThere)):
        partitions.drop(name=name, by=administrator)


def test_what_still_takes_hits_can_t_go(administrator):
    with pytest.raises(partitions.StillNeeded):
        partitions.drop(name="feedback_hit_first", by=administrator)


def test_whoever_does_not_administer_everything_drops_nothing(aged):
    with pytest.raises(NotAllowed):
        partitions.drop(name="feedback_hit_first", by=person("start", root()))


@pytest.mark.parametrize("arguments", [["--yes"], ["--as", "diego"]])
def test_the_command_wants_to_know_who_and_whether_they_are_sure(aged, arguments):
    UserFactory(username="diego", is_superuser=True)

    with pytest.raises(CommandError) as refusal:
        run("--drop", "feedback_hit_first", *arguments)

    assert refusal.value.returncode == 2


class Schema:
    connection = connection


def file_of(table):
    return execute("SELECT pg_relation_filenode(%s::regclass)", table)[0][0]


def test_the_table_that_is_there_becomes_the_first_partition_and_no_row_is_written_anew():
    migration.into_one_table(None, Schema)
    delivery = DeliveryFactory(finished=True)
    kept = [hit(delivery, HitKind.OPEN, seq) for seq in (1, 2)]
    hit(delivery, HitKind.OPEN, 3, id=first_id_at(month(700)))
    before = file_of("feedback_hit")

    migration.into_partitions(None, Schema)

    assert file_of("feedback_hit_first") == before
    assert {lies_in(each) for each in kept} == {"feedback_hit_first"}
    assert partitions.strays() == 0
    put_right = Hit.objects.get(delivery=delivery, seq=3)
    assert abs(moment_of(put_right.id) - datetime.now(UTC)) < timedelta(minutes=1)
    assert {row[0] for row in execute("SELECT indexname FROM pg_indexes WHERE tablename = 'feedback_hit'")} == {
        "feedback_hit_pkey", "hit_message", "hit_stored",
    }  # fmt: skip
    assert execute("SELECT count(*) FROM pg_constraint WHERE conname = %s", migration.PROVEN) == [(0,)]


def test_and_back():
    delivery = DeliveryFactory(finished=True)
    kept = hit(delivery, HitKind.OPEN, 1)

    migration.into_one_table(None, Schema)

    assert Hit.objects.get(delivery=delivery).id == kept.id
    assert partitions.partitions() == []
