"""A database that falls silent instead of dying, and what an abandoned exchange may still do."""

import asyncio
import threading
import time
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

from accounts.roles import root
from campaign.stack.silence import line
from campaign.tests.waiting import somebody_waits_for_a_lock, wait_until
from deliveries.ledger import barrier, books
from deliveries.models import Chunk, Delivery, Doubt, Message, MessageStatus, Status
from deliveries.sending import control
from deliveries.sending import exchange as ledger
from deliveries.sending.control import halts
from deliveries.sending.exchange import Ledger
from deliveries.sending.rows import Entry
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import execute, statuses
from deliveries.tests.scripted_lanes import ScriptedPool, run_lane, with_ledger

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.waits]

LEASE = 6  # seconds: an exchange beside much other work takes no third of it


@pytest.fixture
def short_lease(settings):
    settings.SINETE = settings.SINETE | {"lease_seconds": LEASE}


@pytest.fixture
def database_line(monkeypatch):
    """What lanes say to the database goes through a line that may fall silent."""
    own = ledger.connection_parameters()
    folder = own["host"]
    with line(f"{folder}/.s.PGSQL.{own.get('port') or 5432}") as proxy:
        monkeypatch.setattr(
            ledger, "connection_parameters", lambda: own | {"host": "127.0.0.1", "port": proxy.port}
        )
        yield proxy


def test_a_lane_whose_database_falls_silent_goes_on_by_a_new_connection(short_lease, database_line):
    delivery = DeliveryFactory(sending=True, recipients=60)
    silent_since = []

    async def fall_silent_after_the_first_window(pool):
        if pool.waiting and not silent_since:
            database_line.fall_silent()
            silent_since.append(time.monotonic())
        return pool.take(len(pool.waiting))

    run_lane(delivery, ScriptedPool(fall_silent_after_the_first_window))

    assert statuses(delivery) == ["SENT"] * 60
    assert not Doubt.objects.filter(delivery=delivery).exists()
    assert books.imbalance(delivery) == {}


def test_an_exchange_ends_within_a_third_of_a_lease_though_nobody_answers(short_lease, database_line):
    delivery = DeliveryFactory(sending=True, recipients=3)

    async def exchange(own: Ledger) -> float:
        hold = await own.claim()
        database_line.fall_silent()
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            await own.exchange([hold], [], hand=hold, window=2)
        return time.monotonic() - began

    assert with_ledger(delivery, exchange) < LEASE * 2 / 3
    assert Chunk.objects.get(delivery=delivery).handed_upto == 0


def test_a_backend_whose_lane_has_vanished_lets_go_of_its_locks_by_itself(short_lease):
    delivery = DeliveryFactory(sending=True, recipients=3)

    async def vanish(own: Ledger) -> None:
        hold = await own.claim()
        await own.connection.execute("BEGIN")
        await own._lock([hold], [], shares=True)
        await sync_to_async(wait_until)(lambda: locks_of_lanes() == 0, "PostgreSQL has ended the transaction")

    with_ledger(delivery, vanish)


def locks_of_lanes() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted"
        )
        return cursor.fetchone()[0]


def test_a_lane_that_comes_back_waits_for_the_exchange_that_it_abandoned(monkeypatch):
    """The old backend commits only after the lane has a new connection: the window that it hands over must leave."""
    delivery = DeliveryFactory(sending=True, recipients=3)
    abandoned, real = [], Ledger.exchange

    async def lose_the_answer_before_the_commit(self: Ledger, holds: Any, entries: Any, **asked: Any) -> Any:
        if abandoned or not asked.get("hand"):
            return await real(self, holds, entries, **asked)
        other = await psycopg.AsyncConnection.connect(**ledger.connection_parameters())
        abandoned.append(other)
        await other.execute("SELECT pg_advisory_xact_lock_shared(%s)", [barrier.key_of(delivery.pk)])
        await other.execute(
            "UPDATE deliveries_chunk SET handed_upto = 2 WHERE delivery_id = %s", [delivery.pk]
        )
        asyncio.get_running_loop().call_later(
            0.5, lambda: committing.append(asyncio.ensure_future(end(other)))
        )
        raise psycopg.OperationalError("the connection is lost")

    async def end(other: psycopg.AsyncConnection[Any]) -> None:
        await other.commit()
        await other.close()

    committing: list[Any] = []
    monkeypatch.setattr(Ledger, "exchange", lose_the_answer_before_the_commit)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3


# -- who changes the status, and lanes ---------------------------------------------------------------------


def exchanging(delivery: Delivery, until: threading.Event, begun: threading.Event) -> threading.Thread:
    """A lane that is in the middle of an exchange until the event is set."""

    async def hang(own: Ledger) -> None:
        hold = await own.claim()
        async with own._transaction():
            assert await own._lock([hold], [], shares=True)
            assert await own._may_send()
            begun.set()
            await asyncio.to_thread(until.wait, 30)
            await own._hand_over(hold, 2)

    thread = threading.Thread(target=lambda: (with_ledger(delivery, hang), connections.close_all()))
    thread.start()
    assert begun.wait(30)
    return thread


@pytest.fixture
def patient(monkeypatch):
    """Nobody's exchange is ended for its silence."""
    monkeypatch.setattr(barrier, "SILENCE", 30)


@pytest.mark.usefixtures("patient")
def test_a_pause_is_committed_while_a_lane_hangs_and_waits_only_for_that_exchange():
    delivery = DeliveryFactory(sending=True, recipients=20)
    by, at = person("start", root()), delivery.created_at
    go_on, begun, done = threading.Event(), threading.Event(), threading.Event()
    lane = exchanging(delivery, go_on, begun)

    def pause() -> None:
        control.pause(delivery=delivery, by=by, at=at)
        done.set()
        connections.close_all()

    pausing = threading.Thread(target=pause)
    pausing.start()
    wait_until(somebody_waits_for_a_lock, "the pause waits for the exchange")

    assert Delivery.objects.get(pk=delivery.pk).status == Status.PAUSED
    assert not done.is_set()
    go_on.set()
    lane.join(30)
    pausing.join(30)
    assert done.is_set()


@pytest.mark.usefixtures("patient")
def test_the_receipt_of_a_stop_counts_the_window_that_was_being_handed_over():
    delivery = DeliveryFactory(sending=True, recipients=20)
    by, at = person("start", root()), delivery.created_at
    go_on, begun, receipts = threading.Event(), threading.Event(), []
    lane = exchanging(delivery, go_on, begun)

    def stop() -> None:
        receipts.append(control.stop(delivery=delivery, by=by, at=at))
        connections.close_all()

    stopping = threading.Thread(target=stop)
    stopping.start()
    wait_until(somebody_waits_for_a_lock, "the stop waits for the exchange")
    go_on.set()
    lane.join(30)
    stopping.join(30)

    assert (receipts[0].left, receipts[0].cancelled) == (2, 18)


def test_while_somebody_waits_for_the_last_exchange_no_other_hands_over_and_none_waits():
    delivery = DeliveryFactory(sending=True, recipients=4)
    with psycopg.connect(**ledger.connection_parameters()) as waiting:
        waiting.execute("SELECT pg_advisory_xact_lock(%s)", [barrier.key_of(delivery.pk)])

        async def exchange(own: Ledger) -> Any:
            hold = await own.claim()
            return await own.exchange([hold], [], hand=hold, window=2)

        answer = with_ledger(delivery, exchange)

    assert (answer.rows, answer.may_send, answer.outdated) == ([], True, True)


def test_results_are_stored_while_somebody_waits_for_the_last_exchange():
    delivery = DeliveryFactory(sending=True, recipients=2)

    async def exchange(own: Ledger) -> None:
        hold = await own.claim()
        rows = (await own.exchange([hold], [], hand=hold, window=2)).rows
        other = await psycopg.AsyncConnection.connect(**ledger.connection_parameters())
        await other.execute("SELECT pg_advisory_xact_lock(%s)", [barrier.key_of(delivery.pk)])
        await own.exchange([hold], [Entry(row, MessageStatus.SENT, 250) for row in rows])
        await other.close()

    with_ledger(delivery, exchange)

    assert statuses(delivery) == ["SENT"] * 2


def test_the_receipt_of_a_pause_does_not_wait_for_a_lane_that_hangs():
    delivery = DeliveryFactory(sending=True, recipients=20)
    never, begun = threading.Event(), threading.Event()
    lane = exchanging_for_ever(delivery, never, begun, ended_after="60s")

    control.pause(delivery=delivery, by=person("start", root()), at=delivery.created_at)

    assert locks_of_lanes() == 0  # else the pause had waited for a third of a lease
    never.set()
    lane.join(30)


def test_a_lane_that_was_ended_for_its_silence_keeps_its_result_and_comes_back(monkeypatch, caplog):
    delivery = DeliveryFactory(sending=True, recipients=3)
    by, frozen, real = person("start", root()), [], Ledger._store

    async def freeze_once(self: Ledger, entries: Any) -> None:
        await real(self, entries)
        if not frozen:
            frozen.append(len(entries))
            await asyncio.to_thread(pause_and_resume)

    def pause_and_resume() -> None:
        control.pause(delivery=delivery, by=by, at=delivery.created_at)
        control.resume(delivery=delivery, by=by, at=delivery.created_at)
        connections.close_all()

    monkeypatch.setattr(Ledger, "_store", freeze_once)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert "exchanges of lanes that hang, ended: 1" in caplog.text


def test_a_lane_that_cannot_be_ended_is_not_waited_for_for_ever(short_lease, monkeypatch):
    monkeypatch.setattr(barrier, "_end_silent", lambda _delivery_id: 0)
    delivery = DeliveryFactory(sending=True, recipients=20)
    never, begun = threading.Event(), threading.Event()
    lane = exchanging_for_ever(delivery, never, begun, ended_after="1s")

    receipt = halts.stop_all(unit=root(), by=person("start", root()), at=delivery.created_at, reason="Now")

    assert (receipt.left, receipt.held) == (0, 20)  # PostgreSQL ended the exchange that hung
    never.set()
    lane.join(30)


def test_where_the_role_may_not_ask_for_so_long_a_lane_that_hangs_is_not_waited_for_either(
    short_lease, monkeypatch
):
    monkeypatch.setattr(barrier, "_end_silent", lambda _delivery_id: 0)
    delivery = DeliveryFactory(sending=True, recipients=2)
    never, begun = threading.Event(), threading.Event()
    lane = exchanging_for_ever(delivery, never, begun, ended_after="60s")
    execute("SET statement_timeout = '700ms'")

    assert barrier.settle(delivery.pk) is False

    execute("RESET statement_timeout")
    never.set()
    lane.join(30)


def exchanging_for_ever(
    delivery: Delivery, until: threading.Event, begun: threading.Event, *, ended_after: str
) -> threading.Thread:
    """A lane that was frozen in the middle of an exchange: its own clock cuts nothing."""

    def hang() -> None:
        own = psycopg.connect(**ledger.connection_parameters(), autocommit=True)
        own.execute(f"SET idle_in_transaction_session_timeout = '{ended_after}'")
        own.execute("BEGIN")
        own.execute("SELECT pg_advisory_xact_lock_shared(%s)", [barrier.key_of(delivery.pk)])
        begun.set()
        until.wait(60)
        own.close()

    thread = threading.Thread(target=hang)
    thread.start()
    assert begun.wait(30)
    return thread


def test_exchanges_of_many_lanes_write_no_multixact():
    """A row that many lock in share is written anew for each: there must be no such row."""
    delivery = DeliveryFactory(sending=True, recipients=20)

    async def exchange_beside(own: Ledger) -> None:
        other = await Ledger.connect(delivery_id=delivery.pk, lane="other")
        async with own._transaction(), other._transaction():
            for each in (own, other):
                await each._lock([], [], shares=True)
                await each._may_send()
        await other.close()

    before = members()
    with_ledger(delivery, exchange_beside)

    assert members() == before


def members() -> int:
    execute("CHECKPOINT")
    with connection.cursor() as cursor:
        cursor.execute("SELECT next_multi_offset::text::bigint FROM pg_control_checkpoint()")
        return cursor.fetchone()[0]


# -- errors that are none of the connection's --------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.FeatureNotSupported, psycopg.errors.QueryCanceled,
        psycopg.errors.InternalError_, psycopg.errors.UndefinedColumn, psycopg.InterfaceError, psycopg.DataError,
    ],
    ids=lambda error: error.__name__,
)  # fmt: skip
def test_whatever_the_database_answers_a_lane_keeps_its_results(monkeypatch, error):
    delivery = DeliveryFactory(sending=True, recipients=60)
    real, calls = Ledger.exchange, []

    async def refuse_some(self: Ledger, holds: Any, entries: Any, **asked: Any) -> Any:
        calls.append(len(entries))
        if len(calls) in {2, 3, 5}:
            raise error("not now")
        return await real(self, holds, entries, **asked)

    monkeypatch.setattr(Ledger, "exchange", refuse_some)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 60
    assert not Doubt.objects.filter(delivery=delivery).exists()


def test_a_result_that_cannot_be_stored_stands_alone_in_doubt(caplog):
    delivery = DeliveryFactory(sending=True, recipients=20)
    refuse_the_result_of(delivery, seq=7)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 6 + ["IN_DOUBT"] + ["SENT"] * 13
    assert books.imbalance(delivery) == {}
    assert "row 7" in caplog.text
    assert Message.objects.get(delivery=delivery, seq=7).address not in caplog.text


def refuse_the_result_of(delivery: Delivery, *, seq: int) -> None:
    """PostgreSQL refuses that this one message be sent, as it refuses a value that it can't hold."""
    execute(
        f"""
        CREATE OR REPLACE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.seq = {seq} AND NEW.delivery_id = {delivery.pk} AND NEW.status = 1 THEN
                RAISE EXCEPTION 'value % is out of range', NEW.seq USING ERRCODE = 'numeric_value_out_of_range';
            END IF;
            RETURN NEW;
        END $$;
        """.replace("%", "%%")
    )
    execute(
        "CREATE TRIGGER refuse_one BEFORE UPDATE ON deliveries_message FOR EACH ROW EXECUTE FUNCTION refuse_one()"
    )


@pytest.fixture(autouse=True)
def no_trigger_is_left():
    yield
    execute("DROP FUNCTION IF EXISTS refuse_one() CASCADE")


def test_a_database_that_is_read_only_for_a_while_leaves_no_doubt():
    delivery = DeliveryFactory(sending=True, recipients=80)
    turns = []

    async def turn_read_only(pool: ScriptedPool) -> Any:
        if pool.waiting and not turns:
            turns.append("read only")
            await asyncio.to_thread(set_read_only, value="on")
            asyncio.get_running_loop().call_later(
                2, lambda: turns.append(asyncio.ensure_future(asyncio.to_thread(set_read_only, value="off")))
            )
        return pool.take(len(pool.waiting))

    try:
        run_lane(delivery, ScriptedPool(turn_read_only))
    finally:
        set_read_only(value="off")

    assert statuses(delivery) == ["SENT"] * 80
    assert not Doubt.objects.filter(delivery=delivery).exists()


def set_read_only(*, value: str) -> None:
    """As a managed service does when its disk fills: sessions that exist hear of it too."""
    with psycopg.connect(**ledger.connection_parameters(), autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        admin.execute("SELECT pg_reload_conf()")
