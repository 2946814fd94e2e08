"""Behind PgBouncer in transaction mode: each transaction may run in another session, and nobody owns one."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from campaign.lib import clock
from campaign.stack.pgbouncer import HOW_TO, find, pgbouncer
from deliveries.ledger import books
from deliveries.models import Doubt
from deliveries.overview.diagnosis import installation
from deliveries.sending import exchange, gate, looks
from deliveries.sending.exchange import Ledger
from deliveries.sending.lanes import Lane
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import statuses
from deliveries.tests.scripted_lanes import ScriptedPool, with_ledger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pooler(monkeypatch):
    """Lanes reach the tests' database through PgBouncer, which has two connections for all of them."""
    if find() is None:
        if os.environ.get("SINETE_NO_SKIPS"):
            pytest.fail(HOW_TO)
        pytest.skip(HOW_TO)
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    own = exchange.connection_parameters()
    url = f"postgresql://postgres@{parts.netloc.rpartition('@')[2]}/{name}"
    with pgbouncer(url, data=data_folder(), size=2) as through:
        leads = {key: value for key, value in conninfo_to_dict(through).items() if key != "dbname"}
        monkeypatch.setattr(exchange, "connection_parameters", lambda: own | leads)
        yield through


def data_folder() -> Path:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('data_directory')")
        return Path(cursor.fetchone()[0])


def is_pooled(delivery):
    async def ask(own: Ledger) -> bool:
        return own.is_pooled

    return with_ledger(delivery, ask)


def test_a_lane_knows_that_a_pooler_stands_between(pooler):
    assert is_pooled(DeliveryFactory(sending=True, recipients=1))


def test_a_lane_knows_that_none_does():
    assert not is_pooled(DeliveryFactory(sending=True, recipients=1))


def test_lanes_that_share_two_sessions_send_everything_once_and_leave_no_doubt(pooler, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 20}
    delivery = DeliveryFactory(sending=True, recipients=300)
    plan = gate.lane_config(delivery.pk)
    connection.close()

    async def lane(number: int) -> list[int]:
        taken: list[int] = []

        async def note(pool: ScriptedPool):
            taken.extend(pool.waiting)
            await asyncio.sleep(0)
            return pool.take(len(pool.waiting))

        own = Lane(
            plan, await Ledger.connect(delivery_id=delivery.pk, lane=f"lane {number}"), ScriptedPool(note)
        )
        try:
            await own.run()
        finally:
            await own.ledger.close()
        return taken

    async def all_lanes() -> list[int]:
        async with asyncio.timeout(60):
            return [seq for taken in await asyncio.gather(*map(lane, range(6))) for seq in taken]

    taken = asyncio.run(all_lanes())

    assert sorted(taken) == list(range(1, 301))
    assert statuses(delivery) == ["SENT"] * 300
    assert not Doubt.objects.filter(delivery=delivery).exists()
    assert books.imbalance(delivery) == {}


def test_a_lane_leaves_nothing_of_its_own_in_the_sessions_of_others(pooler):
    delivery = DeliveryFactory(sending=True, recipients=60)
    wanted = (
        "SELECT current_setting('lock_timeout'), current_setting('plan_cache_mode'),"
        " current_setting('idle_in_transaction_session_timeout'), (SELECT count(*) FROM pg_prepared_statements),"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
    )

    async def send(own: Ledger) -> None:
        await Lane(gate_plan, own, ScriptedPool()).run()

    gate_plan = gate.lane_config(delivery.pk)
    connection.close()
    with_ledger(delivery, send)
    with psycopg.connect(pooler, prepare_threshold=None) as one, psycopg.connect(pooler) as other:
        left = [each.execute(wanted).fetchone() for each in (one, other)]

    assert left == [("0", "auto", "0", 0, 0)] * 2


def test_the_tick_leaves_no_plan_of_its_own_there(pooler, monkeypatch):
    leads = conninfo_to_dict(pooler)
    monkeypatch.setitem(connection.settings_dict, "HOST", leads["host"])
    monkeypatch.setitem(connection.settings_dict, "PORT", leads["port"])
    connection.close()
    try:
        for _time in range(6):
            assert looks.due(clock.now(), ahead=gate.AHEAD, is_calm=True) == []
    finally:
        connection.close()

    with psycopg.connect(pooler, prepare_threshold=None) as one, psycopg.connect(pooler) as other:
        left = [
            each.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() for each in (one, other)
        ]

    assert left == [(0,), (0,)]


def test_a_transaction_of_a_lane_is_durable_and_bounded_there_too(pooler):
    delivery = DeliveryFactory(sending=True, recipients=1)

    async def look(own: Ledger) -> tuple[str, ...]:
        async with own._transaction():
            cursor = await own.connection.execute(
                "SELECT current_setting('synchronous_commit') AS durable, current_setting('lock_timeout') <> '0' AS locks,"
                " current_setting('idle_in_transaction_session_timeout') <> '0' AS idle"
            )
            return tuple(await cursor.fetchone())

    assert with_ledger(delivery, look) == ("on", True, True)


def test_a_lane_that_lost_its_session_between_two_exchanges_goes_on(pooler):
    delivery = DeliveryFactory(sending=True, recipients=60)
    cut = []

    async def end_all_sessions(pool: ScriptedPool):
        if pool.waiting and not cut:
            cut.append(await asyncio.to_thread(end_sessions))
        return pool.take(len(pool.waiting))

    gate_plan = gate.lane_config(delivery.pk)
    connection.close()

    async def send(own: Ledger) -> None:
        lane = Lane(gate_plan, own, ScriptedPool(end_all_sessions))
        await lane.run()
        await lane.ledger.close()

    with_ledger(delivery, send)

    assert cut[0] > 0
    assert statuses(delivery) == ["SENT"] * 60
    assert not Doubt.objects.filter(delivery=delivery).exists()


def end_sessions() -> int:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            [connection.settings_dict["NAME"]],
        ).fetchone()
    return ended[0]


def test_doctor_says_that_a_pooler_stands_between_and_which_way_leads_past_it(pooler, monkeypatch):
    leads = conninfo_to_dict(pooler)
    connection.close()
    for name, key in (("HOST", "host"), ("PORT", "port")):
        monkeypatch.setitem(connection.settings_dict, name, leads[key])

    found = [one.code for one in installation._pooler()]
    connection.close()

    assert found == ["behind_a_pooler"]


def test_doctor_says_nothing_of_a_pooler_where_there_is_none():
    assert list(installation._pooler()) == []
