"""A seal is over the rows that it says: with two workers at it, emptied staging, holes, and any SQL."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock, leases
from campaign.tests.databases import database_url
from campaign.tests.waiting import wait_until
from deliveries.lifecycle import seal
from deliveries.models import Delivery, LogLine, Message, Preparation, PreparationStatus, Status
from deliveries.operations import reconciliation
from deliveries.preparation import checks, lease, sealing, staging
from deliveries.preparation import verbs as preparation
from deliveries.schedule import planning
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.schedules import at_a_new_time
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db


def execute(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def fetch(statement: str, *values: object) -> list:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()


def started(delivery: Delivery) -> Preparation:
    return preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())


def staged() -> list[tuple[int, int]]:
    return fetch("SELECT token, count(*) FROM deliveries_staging GROUP BY 1 ORDER BY 1")


# -- two workers ----------------------------------------------------------------------------------------

two_workers = pytest.mark.django_db(transaction=True)


@contextmanager
def nobody_seals() -> Iterator[Callable[[], None]]:
    """Whoever is about to write a ledger waits, until the block is over or what it yields is called."""
    with psycopg.connect(database_url()) as gate_keeper:
        gate_keeper.execute("LOCK TABLE deliveries_try IN ACCESS EXCLUSIVE MODE")
        yield gate_keeper.rollback
        gate_keeper.rollback()


@contextmanager
def worker(run: Preparation) -> Iterator[threading.Thread]:
    """Carries the preparation out, on a connection of its own."""

    def carry_out() -> None:
        try:
            preparation.run(preparation_id=run.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=carry_out)
    thread.start()
    yield thread
    thread.join()


def about_to_seal() -> list[int]:
    """The server's processes of those who wait to write a ledger."""
    return [
        pid
        for (pid,) in fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sinete preparation%'"
            " AND wait_event_type = 'Lock' AND datname = current_database()"
        )
    ]


def let_the_lease_run_out(run: Preparation) -> None:
    Preparation.objects.filter(pk=run.pk).update(lease_until=clock.now())


@pytest.fixture
def no_beat(monkeypatch):
    """As if the worker were frozen: its lease is not renewed by itself."""
    monkeypatch.setattr(leases, "BEAT", 600.0)


@two_workers
def test_of_two_workers_the_second_seals_all_though_the_first_was_cut_off_and_came_back(no_beat):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)

    with nobody_seals() as let_them_seal, worker(run) as first:
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        cut_off = about_to_seal()[0]
        let_the_lease_run_out(run)
        with worker(run):
            wait_until(lambda: len(about_to_seal()) == 2, "the second is about to seal")
            execute("SELECT pg_terminate_backend(%s)", cut_off)
            wait_until(lambda: not first.is_alive(), "the first has ended")
            assert staged() == [(2, 5)]
            let_them_seal()

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5


@two_workers
def test_of_two_workers_that_seal_at_the_same_time_the_one_that_took_over_does(no_beat):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)

    with nobody_seals() as let_them_seal, worker(run):
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        let_the_lease_run_out(run)
        with worker(run):
            wait_until(lambda: len(about_to_seal()) == 2, "the second is about to seal")
            let_them_seal()

    sealed = Preparation.objects.get(pk=run.pk)
    assert (sealed.status, sealed.token, staged()) == (PreparationStatus.DONE, 2, [])
    assert Message.objects.filter(delivery=delivery).count() == 5
    assert not LogLine.objects.filter(level=LogLine.Level.ERROR).exists()


@two_workers
def test_a_lease_is_renewed_while_a_statement_takes_its_time_and_a_second_worker_leaves_it_alone(monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.05)
    run = started(DeliveryFactory())

    with nobody_seals() as let_them_seal, worker(run):
        wait_until(lambda: len(about_to_seal()) == 1, "the first is about to seal")
        preparation.run(preparation_id=run.pk)

        assert Preparation.objects.get(pk=run.pk).token == 1
        let_them_seal()

    assert Preparation.objects.get(pk=run.pk).status == PreparationStatus.DONE


@two_workers
def test_stopping_cancels_the_statement_that_is_under_way():
    delivery = DeliveryFactory()
    run = started(delivery)

    with nobody_seals(), worker(run) as first:
        wait_until(lambda: len(about_to_seal()) == 1, "it is about to seal")
        preparation.stop(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
        wait_until(lambda: not first.is_alive(), "it has ended")

    delivery.refresh_from_db()
    assert (delivery.status, staged()) == (Status.DRAFT, [])
    assert not Message.objects.filter(delivery=delivery).exists()


@two_workers
def test_a_preparation_needs_no_connection_for_longer_than_a_transaction(monkeypatch):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    for module, step in ((staging, "mark_duplicates"), (staging, "count_causes"), (staging, "count_domains")):
        monkeypatch.setattr(module, step, on_another_connection(getattr(module, step)))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert Message.objects.filter(delivery=delivery).count() == 5


def on_another_connection(step: Callable) -> Callable:
    def step_after_closing(*args: object, **named: object) -> object:
        connection.close()
        return step(*args, **named)

    return step_after_closing


def test_the_name_by_which_a_statement_is_cancelled_ends_with_its_transaction(transactional_db):
    run = started(DeliveryFactory())

    with lease.statement(run):
        assert fetch("SHOW application_name") == [(f"sinete preparation {run.pk}",)]

    assert fetch("SHOW application_name") == [("",)]


# -- staging that a crash emptied -------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["mark_duplicates", "count_domains"])
def test_staging_that_is_emptied_on_the_way_is_filled_again(monkeypatch, step):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    monkeypatch.setattr(staging, step, after_a_crash(getattr(staging, step), times=1))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.AWAITING_APPROVAL
    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5
    assert any("begins anew" in line.text for line in delivery.log.all())


def test_staging_that_is_emptied_each_time_ends_in_a_failure_and_no_seal(monkeypatch):
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    monkeypatch.setattr(staging, "count_domains", after_a_crash(staging.count_domains, times=9))

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    assert not Message.objects.filter(delivery=delivery).exists()


def after_a_crash(step: Callable, *, times: int) -> Callable:
    """What PostgreSQL does with an unlogged table when it recovers."""
    left = [times]

    def step_on_an_empty_table(run: Preparation, **named: object) -> object:
        if left[0]:
            left[0] -= 1
            execute("TRUNCATE deliveries_staging")
        return step(run, **named)

    return step_on_an_empty_table


def test_a_run_that_was_taken_over_takes_nothing_of_what_is_sealed_since():
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    preparation.run(preparation_id=run.pk)
    late = Preparation.objects.get(pk=run.pk)
    late.token -= 1

    sealing._clear_ledger(late)

    assert Message.objects.filter(delivery=delivery).count() == 5


def test_a_run_clears_what_runs_before_it_left_and_nothing_of_other_deliveries():
    other = started(DeliveryFactory())
    compiled, _findings = checks.compiled(other)
    staging.stage(other, compiled)
    delivery = DeliveryFactory(recipients=5)
    run = started(delivery)
    compiled, _findings = checks.compiled(run)
    staging.stage(run, compiled)  # and here its worker is killed

    preparation.run(preparation_id=run.pk)

    assert fetch("SELECT DISTINCT preparation_id FROM deliveries_staging") == [(other.pk,)]


# -- what PostgreSQL refuses --------------------------------------------------------------------------------


@pytest.fixture
def prepared(settings):
    """Five messages in three chunks, and one exclusion."""
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    people = [*ProfileFactory.create_batch(5), ProfileFactory(no_email=True)]
    return DeliveryFactory(awaiting_approval=True, audience=AudienceFactory(members=people))


def seal_again(delivery: Delivery, *, at_once: bool, **said: int) -> None:
    """A second preparation that says what the first one says, but for what is `said`."""
    last = delivery.latest_preparation()
    counts = {name: getattr(last, name) for name in ("targeted", "excluded", "to_deliver")} | said
    manifest = last.manifest | {"targeted": counts["targeted"], "to_deliver": counts["to_deliver"]}
    sealed = {"seal": seal.fingerprint(manifest), "manifest": manifest, **counts}
    new = Preparation(
        delivery=delivery, number=2, status=PreparationStatus.STOPPED, started_at=clock.now(), kept_from=last,
        **(sealed if at_once else {}),
    )  # fmt: skip
    new.save()
    if not at_once:
        Preparation.objects.filter(pk=new.pk).update(**sealed)


both_ways = pytest.mark.parametrize("at_once", [True, False])


@both_ways
def test_what_is_there_can_be_sealed(prepared, at_once):
    seal_again(prepared, at_once=at_once)


@both_ways
@pytest.mark.parametrize(
    "falsify",
    [
        "DELETE FROM deliveries_message WHERE seq = 5",
        "DELETE FROM deliveries_message",
        "DELETE FROM deliveries_exclusion",
        "DELETE FROM deliveries_chunk WHERE number = 3",
        "DELETE FROM deliveries_chunk WHERE number = 2",
        "INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values)"
        " SELECT id, 6, 1, 'eve@example.com', 'eve@example.com', '{}' FROM deliveries_delivery",
        "INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, values)"
        " SELECT id, 6, 1, 'eve@example.com', 'eve@example.com', '{}' FROM deliveries_delivery;"
        "DELETE FROM deliveries_message WHERE seq = 3",
    ],
)
def test_a_seal_over_other_rows_than_it_says_is_refused(prepared, falsify, at_once):
    execute(falsify)

    with pytest.raises(IntegrityError, match="can't be sealed"):
        seal_again(prepared, at_once=at_once)


@both_ways
@pytest.mark.parametrize(
    "said", [{"to_deliver": 4, "targeted": 5}, {"excluded": 0, "targeted": 5}, {"targeted": 7}]
)
def test_a_seal_that_says_other_numbers_than_there_are_rows_is_refused(prepared, said, at_once):
    with pytest.raises(IntegrityError, match="can't be sealed"):
        seal_again(prepared, at_once=at_once, **said)


def test_a_new_time_for_rows_that_are_gone_drops_it_to_editing(prepared):
    execute("DELETE FROM deliveries_message WHERE seq = 5")

    at_a_new_time(prepared)

    assert prepared.status == Status.DRAFT
    assert prepared.preparations.count() == 1


# -- digests --------------------------------------------------------------------------------------------------


def digest(delivery: Delivery, first: int = 1, last: int = 5) -> bytes | None:
    found = fetch("SELECT deliveries_chunk_digest(%s, %s, %s)", delivery.pk, first, last)[0][0]
    return None if found is None else bytes(found)


@contextmanager
def any_change() -> Iterator[None]:
    """Whatever is done inside, sealed or not, is undone."""
    with transaction.atomic():
        execute("ALTER TABLE deliveries_message DISABLE TRIGGER sealed_columns")
        yield
        transaction.set_rollback(True)


def test_rows_that_do_not_fill_their_range_have_no_digest(prepared):
    assert len(digest(prepared) or b"") == 33

    execute("DELETE FROM deliveries_message WHERE seq = 3")

    assert digest(prepared) is None
    assert digest(prepared, 6, 8) is None


def test_a_chunk_over_a_hole_is_not_written(prepared):
    execute("DELETE FROM deliveries_message WHERE seq = 3")

    with pytest.raises(IntegrityError):
        planning.write_runs(prepared, [planning.Run(5, None)])


CHANGES = {
    "address": "address || 'x'",
    "address_key": "address_key || 'x'",
    "values": 'values || \'{"first_name": "Eve"}\'',
    "profile_id": "profile_id + 1",
    "salt": "sha256('another')",
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seq=st.integers(1, 5), columns=st.sets(st.sampled_from(sorted(CHANGES)), min_size=1), keep=st.booleans()
)
def test_whatever_changes_in_a_row_changes_its_chunks_digest(prepared, seq, columns, keep):
    sealed = digest(prepared)
    with any_change():
        # Its own digest, kept as of somebody who was erased, lends nothing to a row that still says something.
        kept = f", digest = {OWN}, salt = NULL" if keep and "salt" not in columns else ""
        sets = ", ".join(f"{column} = {CHANGES[column]}" for column in sorted(columns))
        execute(f"UPDATE deliveries_message m SET {sets}{kept} WHERE seq = %s", seq)

        assert digest(prepared) != sealed


OWN = (
    "sha256(m.salt || convert_to(concat_ws(chr(31), m.seq, m.profile_id, m.address, m.address_key,"
    " m.values::text), 'UTF8'))"
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(erased=st.sets(st.integers(1, 5), min_size=1))
def test_who_is_erased_leaves_the_digest_of_the_chunk_as_it_is(prepared, erased):
    sealed = digest(prepared)
    with any_change():
        execute(
            f"UPDATE deliveries_message m SET digest = {OWN}, salt = NULL, address = '', address_key = '',"
            " values = '{}', profile_id = 0 WHERE seq = ANY(%s)",
            list(erased),
        )

        assert digest(prepared) == sealed


def test_each_row_has_a_salt_of_its_own(prepared):
    again = DeliveryFactory(awaiting_approval=True, audience=prepared.audience)

    salts = [bytes(salt) for salt in Message.objects.values_list("salt", flat=True)]
    assert {len(salt) for salt in salts} == {16}
    assert len(set(salts)) == 10
    assert again.messages.count() == 5


@pytest.mark.parametrize("column", ["salt", "digest"])
def test_salt_and_digest_of_a_row_stay(prepared, column):
    with pytest.raises(IntegrityError, match="what is written there stays"):
        execute(f"UPDATE deliveries_message SET {column} = sha256('x')")


@pytest.fixture
def rows_without_salt(settings):
    """As rows were that an earlier version prepared."""
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    execute(
        "CREATE FUNCTION pg_temp.without_salt() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.salt = NULL; RETURN NEW; END $$;"
        "CREATE TRIGGER without_salt BEFORE INSERT ON deliveries_message"
        " FOR EACH ROW EXECUTE FUNCTION pg_temp.without_salt()"
    )
    yield
    execute("DROP TRIGGER without_salt ON deliveries_message")


@pytest.mark.django_db(transaction=True)
def test_what_an_earlier_version_prepared_is_sent_and_reconciled(rows_without_salt, relay):
    delivery = DeliveryFactory(scheduled=True, recipients=5)
    before = "sha256(string_agg(convert_to(concat_ws(chr(31), seq, profile_id, address, address_key, values::text),"
    before += " 'UTF8'), '\\x1e'::bytea ORDER BY seq))"
    assert fetch(f"SELECT {before} FROM deliveries_message") == [(digest(delivery),)]

    send(delivery)

    assert (delivery.status, len(relay.recipients())) == (Status.FINISHED, 5)
    assert not reconciliation.reconcile(delivery.pk).off


def test_what_an_earlier_version_prepared_can_be_given_a_new_time(rows_without_salt):
    delivery = DeliveryFactory(ready=True, recipients=5)

    at_a_new_time(delivery)

    assert delivery.status == Status.AWAITING_APPROVAL
    assert len(digest(delivery) or b"") == 32


# -- before anything leaves -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_chunk_whose_rows_are_gone_stops_the_send(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    execute("DELETE FROM deliveries_message WHERE delivery_id = %s", delivery.pk)

    send(delivery)

    assert (delivery.status, relay.recipients()) == (Status.FAILED, [])


def test_what_was_sealed_without_a_ledger_is_not_sent(relay):
    """As an earlier version could do it: no rows, no chunks, and a seal over that."""
    delivery = DeliveryFactory(scheduled=True, recipients=3)
    for table in ("message", "chunk"):
        execute(f"DELETE FROM deliveries_{table} WHERE delivery_id = %s", delivery.pk)
    manifest = delivery.latest_preparation().manifest | {"chunks": None}
    execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE deliveries_preparation DISABLE TRIGGER guard_seal")
    Preparation.objects.update(manifest=manifest, seal=seal.fingerprint(manifest))
    execute("UPDATE deliveries_confirmation SET seal = %s", seal.fingerprint(manifest))
    execute("ALTER TABLE deliveries_preparation ENABLE TRIGGER guard_seal")
    assert gate.begin(delivery.pk)

    assert gate.lane_config(delivery.pk) is None

    assert Delivery.objects.get(pk=delivery.pk).status == Status.FAILED


def test_a_delivery_that_is_stopped_and_prepared_again_is_whole():
    delivery = DeliveryFactory(recipients=5)
    by = person("prepare", delivery.unit)
    started(delivery)
    preparation.stop(delivery=delivery, by=by, at=clock.now())

    bring_to(delivery, "awaiting_approval", by=by)

    assert delivery.preparation.to_deliver == Message.objects.filter(delivery=delivery).count() == 5
