"""Attacks on the engine: each forces one interleaving, accident or bypass, and says what must hold after it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from accounts import access, units
from accounts.models import ApprovalPolicy, Role
from accounts.rights import Right
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory, TestProfileFactory
from campaign.lib import clock
from campaign.lib.refusals import Refusal
from deliveries import drafting, jobs, proofs, queues
from deliveries.approval import decisions as approval
from deliveries.channels.base import Outcome, Result
from deliveries.ledger import recovery
from deliveries.lifecycle import seal
from deliveries.models import (
    Chunk,
    Delivery,
    Doubt,
    Message,
    MessageStatus,
    PreparationStatus,
    ProofMessage,
    Route,
    Status,
    Try,
)
from deliveries.preparation import checks, staging
from deliveries.preparation import verbs as preparation
from deliveries.sending import gate, lanes
from deliveries.sending.exchange import Entry, Hold, Ledger
from deliveries.sending.lanes import Lane, Plan
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tick import look

pytestmark = pytest.mark.django_db(transaction=True)


def statuses(delivery: Delivery) -> list[str]:
    rows = Message.objects.filter(delivery=delivery).order_by("seq")
    return [MessageStatus(status).name for status in rows.values_list("status", flat=True)]


def execute(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def send(delivery: Delivery) -> None:
    jobs.tick()
    jobs.drain(delivery_id=delivery.pk)
    delivery.refresh_from_db()


def with_ledger(delivery: Delivery, work: Callable[[Ledger], Awaitable[Any]], *, lane: str = "lane") -> Any:
    """Do the work on a ledger of its own connection, as a lane has it."""

    async def run() -> Any:
        ledger = await Ledger.connect(delivery_id=delivery.pk, lane=lane)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


def leave_to_later_tries(delivery: Delivery, upto: int) -> None:
    """The first rows were handed over and refused for a while; their next try is due."""
    execute(
        "UPDATE deliveries_message SET status = 3, tries = 1 WHERE delivery_id = %s AND seq <= %s",
        delivery.pk, upto,
    )  # fmt: skip
    execute(
        "UPDATE deliveries_chunk SET handed_upto = %s, retrying = %s, done = (seq_to = %s) WHERE delivery_id = %s",
        upto, upto, upto, delivery.pk,
    )  # fmt: skip
    execute(
        "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries, token)"
        " SELECT %s, n, sinete_clock() - interval '1 second', 1, 1 FROM generate_series(1, %s) n",
        delivery.pk, upto,
    )  # fmt: skip


def expire_leases(delivery: Delivery) -> None:
    for table in ("chunk", "try"):
        execute(
            f"UPDATE deliveries_{table} SET lease_until = sinete_clock() - interval '1 second'"
            " WHERE delivery_id = %s AND lease_until IS NOT NULL",
            delivery.pk,
        )


class ScriptedPool:
    """A pool whose answers the test decides: `script` is asked each time the lane looks for outcomes."""

    def __init__(self, script: "Callable[[ScriptedPool], Awaitable[list[Outcome]]] | None" = None) -> None:
        self.waiting: list[int] = []
        self.most = 0
        self.rounds = 0
        self.script = script

    def feed(self, envelopes: Any) -> None:
        self.waiting += [envelope.seq for envelope in envelopes]
        self.most = max(self.most, len(self.waiting))

    async def outcomes(self, *, at_least: int = 1, timeout: float | None = None) -> list[Outcome]:
        self.rounds += 1
        return await self.script(self) if self.script else self.take(len(self.waiting))

    def take(self, number: int, result: Result = Result.SENT) -> list[Outcome]:
        taken, self.waiting = self.waiting[:number], self.waiting[number:]
        return [Outcome(seq, result, 250) for seq in taken]

    def drain(self) -> None: ...

    def may_begin(self) -> bool:
        return True


def run_lane(
    delivery: Delivery, pool: ScriptedPool, *, before: Callable[[Lane], None] = lambda lane: None
) -> Lane:
    plan = gate.plan(delivery.pk, Plan)
    assert plan is not None

    async def run() -> Lane:
        ledger = await Ledger.connect(delivery_id=delivery.pk, lane="lane")
        lane = Lane(plan, ledger, pool)  # type: ignore[arg-type]  # a stand-in with a pool's few methods
        before(lane)
        try:
            async with asyncio.timeout(10):
                await lane.run()
        finally:
            await lane.ledger.close()
        return lane

    return asyncio.run(run())


def lose_answers(monkeypatch: pytest.MonkeyPatch, name: str, *calls: int, after: bool = True) -> None:
    """Of the calls of a verb of the ledger the numbered ones lose their answer, as when PostgreSQL restarts."""
    real, count = getattr(Ledger, name), 0

    async def losing(self: Ledger, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count in calls and not after:
            raise psycopg.OperationalError("the connection is lost")
        hand = kwargs.get("hand")
        mark = hand.handed_upto if hand else 0
        answer = await real(self, *args, **kwargs)
        if count in calls:
            if hand:
                hand.handed_upto = mark  # the lane never heard of the commit
            raise psycopg.OperationalError("the connection is lost")
        return answer

    monkeypatch.setattr(Ledger, name, losing)


# -- preparation ----------------------------------------------------------------------------------------


def test_what_a_killed_preparation_left_in_staging_does_not_count_twice():
    delivery = DeliveryFactory(recipients=3)
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    compiled, _findings = checks.compiled(run)
    staging.stage(run, compiled)  # and here the worker is killed

    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    assert (run.status, run.to_deliver, run.excluded) == (PreparationStatus.DONE, 3, 0)
    assert Message.objects.filter(delivery=delivery).count() == 3


def test_a_rule_that_is_changed_while_it_is_prepared_is_not_what_was_sealed(monkeypatch):
    ProfileFactory(city="Recife")
    audience = AudienceFactory(rule={"field": "city", "is": "equal", "value": "Recife"})
    delivery = DeliveryFactory(audience=audience)
    real = staging.mark_duplicates

    def change_the_rule_first(run):
        audience.rule = {"field": "city", "is": "equal", "value": "Olinda"}
        audience.save()
        real(run)

    monkeypatch.setattr(staging, "mark_duplicates", change_the_rule_first)

    bring_to(delivery, "awaiting_approval", by=person("prepare", delivery.unit))

    assert seal.changes(Delivery.objects.get(pk=delivery.pk)) == ["audience"]


def test_a_content_may_use_more_fields_than_a_function_of_postgresql_takes():
    fields = AttributeFactory.create_batch(60)
    slots = "".join("{{ profile." + field.name + "|default('-') }}" for field in fields)
    html = "<p>" + slots + " <a href='{{ unsubscribe_url }}'>Unsubscribe</a></p>"
    delivery = DeliveryFactory(recipients=1, content={"html": html})

    bring_to(delivery, "awaiting_approval", by=person("prepare", delivery.unit))

    assert delivery.status == Status.AWAITING_APPROVAL


def test_a_preparation_that_breaks_says_so_instead_of_preparing_for_ever():
    delivery = DeliveryFactory()
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    execute("ALTER TABLE deliveries_staging ADD CONSTRAINT never CHECK (profile_id < 0)")

    try:
        preparation.run(preparation_id=run.pk)
    finally:
        execute("ALTER TABLE deliveries_staging DROP CONSTRAINT never")

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    assert [finding["code"] for finding in delivery.preparation.errors] == ["broken"]


def test_what_a_stopped_preparation_left_in_staging_goes_with_the_next():
    delivery = DeliveryFactory()
    by = person("prepare", delivery.unit)
    first = preparation.start(delivery=delivery, by=by, at=clock.now())
    compiled, _findings = checks.compiled(first)
    staging.stage(first, compiled)  # and here the worker is killed
    preparation.stop(delivery=delivery, by=by, at=clock.now())

    bring_to(delivery, "awaiting_approval", by=by)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM deliveries_staging")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("hours", [0, 2_000_000_000])
def test_a_validity_period_that_no_calendar_holds_is_refused(hours):
    delivery = DeliveryFactory()

    with pytest.raises(Refusal):
        drafting.edit(
            delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), validity_hours=hours
        )


# -- the seal -------------------------------------------------------------------------------------------


def test_a_chunk_that_was_added_after_the_seal_stops_the_send(relay):
    delivery = DeliveryFactory(scheduled=True, recipients=1)
    Message.objects.create(
        delivery=delivery, seq=2, profile_id=ProfileFactory().pk, address="eve@example.com",
        address_key="eve@example.com", values={},
    )  # fmt: skip
    execute(
        "INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, handed_upto)"
        " SELECT %s, 2, 2, 2, deliveries_chunk_digest(%s, 2, 2), 1",
        delivery.pk, delivery.pk,
    )  # fmt: skip

    send(delivery)

    assert relay.recipients() == []
    assert delivery.status == Status.FAILED


def test_a_delivery_that_lost_a_chunk_is_not_finished():
    delivery = DeliveryFactory(sending=True)
    execute("DELETE FROM deliveries_chunk WHERE delivery_id = %s", delivery.pk)

    gate.finish_if_over(delivery.pk)

    assert Delivery.objects.get(pk=delivery.pk).status == Status.SENDING


def test_four_eyes_bars_who_wrote_what_somebody_else_copied():
    unit = UnitFactory(approval_policy=ApprovalPolicy.FOUR_EYES)
    writer = UserFactory(roles={"prepare": unit, "approve": unit})
    original = DeliveryFactory(unit=unit, by=writer)
    copier = UserFactory(roles={"prepare": unit})
    copy = drafting.duplicate(delivery=original, by=copier)
    drafting.edit(delivery=copy, by=copier, at=clock.now(), schedule_kind="at_once")
    bring_to(copy, "awaiting_approval", by=copier)

    with pytest.raises(approval.SelfApproval):
        approval.approve(delivery=copy, seal=copy.seal, by=writer, at=clock.now())


# -- hand-over, leases and results ----------------------------------------------------------------------


def test_a_lane_that_lives_keeps_its_later_tries():
    delivery = DeliveryFactory(sending=True, recipients=1)
    leave_to_later_tries(delivery, 1)

    async def work(ledger):
        taken = await ledger.exchange([], [], later_tries=5)
        await move_clock(timedelta(seconds=20))
        await ledger.exchange([], [], tries_in_hand=taken.rows)
        return taken.rows

    async def move_clock(offset):
        await asyncio.to_thread(in_thread, offset)

    def in_thread(offset):
        clock.set_offset(offset)
        connection.close()

    try:
        assert len(with_ledger(delivery, work)) == 1
        clock.set_offset(timedelta(seconds=40))
        assert recovery.reclaim(delivery.pk) == 0
    finally:
        clock.set_offset(timedelta())
    assert statuses(delivery) == ["RETRYING"]


def test_later_tries_of_a_commit_whose_answer_was_lost_are_carried_out(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)
    lose_answers(monkeypatch, "exchange", 1)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert not Try.objects.filter(delivery=delivery).exists()


def test_a_window_of_a_commit_whose_answer_was_lost_survives_a_second_loss(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    lose_answers(monkeypatch, "exchange", 1)
    lose_answers(monkeypatch, "read_window", 2, after=False)

    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert recovery.imbalance(delivery) == {}


def test_a_window_of_a_lost_commit_is_no_doubt_even_when_the_lease_ran_out_meanwhile(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=3)
    lose_answers(monkeypatch, "exchange", 1)
    real, calls = Ledger.marks, []

    async def marks_after_a_takeover(self, holds):
        calls.append(holds)
        if len(calls) == 1:
            await asyncio.to_thread(take_over)
        return await real(self, holds)

    def take_over():
        expire_leases(delivery)
        assert recovery.reclaim(delivery.pk) == 3
        connection.close()

    monkeypatch.setattr(Ledger, "marks", marks_after_a_takeover)

    run_lane(delivery, ScriptedPool())  # it lost a chunk, so it hands over nothing more
    assert statuses(delivery) == ["RETRYING"] * 3
    assert not Doubt.objects.filter(delivery=delivery).exists()
    run_lane(delivery, ScriptedPool())

    assert statuses(delivery) == ["SENT"] * 3
    assert recovery.imbalance(delivery) == {}


def test_a_chunk_whose_release_was_lost_keeps_no_delivery_open_when_its_lane_dies(monkeypatch, settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    real, calls = Ledger.release, []

    async def lose_the_answer_and_then_die(self, holds):
        calls.append(holds)
        if len(calls) == 2:
            raise KeyError("this process is killed")
        await real(self, holds)
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(Ledger, "release", lose_the_answer_and_then_die)

    with pytest.raises(KeyError):
        run_lane(delivery, ScriptedPool())
    expire_leases(delivery)
    look.tick()

    assert not Chunk.objects.filter(delivery=delivery).exclude(lease_until=None).exists()
    assert Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED


def test_a_lane_that_ends_while_postgresql_is_away_lets_its_lease_run_out(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=2)
    lose_answers(monkeypatch, "release", 1, after=False)

    def end_with_a_chunk(lane):
        lane.holds[1] = Hold(number=1, seq_to=2, handed_upto=0, token=0)
        lane.drain()

    assert run_lane(delivery, ScriptedPool(), before=end_with_a_chunk).holds == {}


def test_a_fenced_lane_keeps_its_results_while_the_database_is_away(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=2)
    lose_answers(monkeypatch, "exchange", 3, after=False)

    async def be_taken_over(pool):
        if pool.rounds == 2:
            await asyncio.to_thread(take_over)
            return pool.take(2)
        return []

    def take_over():
        expire_leases(delivery)
        recovery.reclaim(delivery.pk)
        connection.close()

    run_lane(delivery, ScriptedPool(be_taken_over))

    assert statuses(delivery) == ["SENT", "SENT"]
    assert not Doubt.objects.filter(delivery=delivery).exists()
    assert recovery.imbalance(delivery) == {}


def test_results_of_an_old_lease_do_not_count_for_the_new_one():
    delivery = DeliveryFactory(sending=True, recipients=4)
    plan = gate.plan(delivery.pk, Plan)

    def take_over():
        expire_leases(delivery)
        recovery.reclaim(delivery.pk)
        connection.close()

    async def work(ledger):
        lane = Lane(plan, ledger, ScriptedPool())
        first = await ledger.claim()
        old = (await ledger.exchange([first], [], hand=first, window=2)).rows
        await asyncio.to_thread(take_over)
        second = await ledger.claim()
        lane.holds[second.number] = second
        await lane._take((await ledger.exchange([second], [], hand=second, window=2)).rows)
        lane.unsaved = [Entry(row, MessageStatus.SENT) for row in old]
        await lane._exchange()
        return list(lane.holds)

    assert with_ledger(delivery, work) == [1]
    assert statuses(delivery) == ["SENT", "SENT", "PREPARED", "PREPARED"]
    assert Chunk.objects.get(delivery=delivery).lease_until is not None


def test_no_more_than_two_windows_of_a_lane_are_ever_open(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=40)
    leave_to_later_tries(delivery, 10)
    monkeypatch.setattr(lanes.Pace, "note", lambda self, results: None)

    async def one_then_nothing_for_a_while(pool):
        return pool.take({2: 1}.get(pool.rounds, 0) if pool.rounds < 6 else len(pool.waiting))

    def small(lane):
        lane.pace.window = 10

    pool = ScriptedPool(one_then_nothing_for_a_while)
    run_lane(delivery, pool, before=small)

    assert pool.most <= 20
    assert statuses(delivery) == ["SENT"] * 40


def test_a_relay_that_answers_little_by_little_is_not_handed_one_window_after_the_other(monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=60)
    monkeypatch.setattr(lanes.Pace, "note", lambda self, results: None)

    async def one_at_a_time(pool):
        return pool.take(1)

    def small(lane):
        lane.pace.window = 10

    pool = ScriptedPool(one_at_a_time)
    run_lane(delivery, pool, before=small)

    assert pool.most <= 20
    assert statuses(delivery) == ["SENT"] * 60


def test_a_lane_takes_no_more_later_tries_than_asked_whatever_the_plan():
    delivery = DeliveryFactory(sending=True, recipients=12)
    leave_to_later_tries(delivery, 12)

    async def work(ledger):
        for node in ("hashagg", "hashjoin", "mergejoin", "material", "sort"):
            await ledger.connection.execute(f"SET enable_{node} = off")
        return (await ledger.exchange([], [], later_tries=3)).rows

    assert len(with_ledger(delivery, work)) == 3


def test_retries_are_judged_by_the_databases_clock(relay):
    with clock.shifted(timedelta(days=-10)):
        delivery = DeliveryFactory(scheduled=True, recipients=1)
        relay.refuse(Message.objects.get(delivery=delivery).address, "451 4.2.0 Later")

        send(delivery)

    assert statuses(delivery) == ["RETRYING"]


def test_a_changed_chunk_stops_the_send_and_leaves_no_doubt_about_what_was_on_its_way(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    execute("ALTER TABLE deliveries_message DISABLE TRIGGER sealed_columns")
    execute(
        "UPDATE deliveries_message SET address = 'eve@example.com' WHERE delivery_id = %s AND seq = 4",
        delivery.pk,
    )
    execute("ALTER TABLE deliveries_message ENABLE TRIGGER sealed_columns")

    async def slowly(pool):
        return pool.take(1) if pool.rounds > 3 else []

    run_lane(delivery, ScriptedPool(slowly))

    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED
    assert statuses(delivery)[:2] == ["SENT", "SENT"]
    look.tick()
    assert statuses(delivery) == ["SENT", "SENT", "CANCELLED", "CANCELLED"]
    assert recovery.imbalance(delivery) == {}


def test_a_lane_told_to_stop_before_it_connected_does_not_close_the_route(relay, monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=1)
    monkeypatch.setattr(lanes, "_on_sigterm", lambda loop, lane: lane.drain())

    jobs.drain(delivery_id=delivery.pk)

    assert not Route.objects.exclude(closed_until=None).exists()
    assert statuses(delivery) == ["PREPARED"]


def test_a_chunk_that_was_let_go_without_all_results_comes_to_its_end():
    delivery = DeliveryFactory(sending=True, recipients=2)
    execute(
        "UPDATE deliveries_chunk SET handed_upto = seq_to, sent = 1, token = 1 WHERE delivery_id = %s",
        delivery.pk,
    )
    execute("UPDATE deliveries_message SET status = 1 WHERE delivery_id = %s AND seq = 1", delivery.pk)

    assert with_ledger(delivery, lambda ledger: ledger.claim()) is None
    look.tick()

    assert statuses(delivery) == ["SENT", "IN_DOUBT"]
    assert Delivery.objects.get(pk=delivery.pk).status == Status.FINISHED


# -- asleep ---------------------------------------------------------------------------------------------


def test_a_lane_that_was_frozen_begins_nothing_more_and_the_rest_leaves_once(relay, monkeypatch):
    delivery = DeliveryFactory(sending=True, recipients=20)
    real = clock.elapsed

    with monkeypatch.context() as asleep:
        asleep.setattr(clock, "elapsed", lambda: real() + (3_600 if len(relay.recipients()) >= 3 else 0))
        jobs.drain(delivery_id=delivery.pk)

    left = len(relay.recipients())
    assert 0 < left < 20
    assert sorted(statuses(delivery)) == ["RETRYING"] * (20 - left) + ["SENT"] * left

    send(delivery)

    assert sorted(relay.recipients()) == sorted(
        Message.objects.filter(delivery=delivery).values_list("address", flat=True)
    )
    assert delivery.status == Status.FINISHED


def test_a_lane_asks_before_each_exchange_whether_it_has_lapsed():
    """Its connections had gone meanwhile; new ones would find that an exchange had just renewed what it has left."""
    delivery = DeliveryFactory(sending=True, recipients=5)

    class LapsesSoon(ScriptedPool):
        on_lapse: Callable[[], None]
        asked = 0

        def may_begin(self) -> bool:
            self.asked += 1
            if self.asked == 2:
                self.on_lapse()
            return self.asked < 2

    lane = run_lane(delivery, LapsesSoon(give_back_all_but_one))

    assert lane.draining
    assert sorted(statuses(delivery)) == ["RETRYING"] * 4 + ["SENT"]


async def give_back_all_but_one(pool: ScriptedPool) -> list[Outcome]:
    return pool.take(1) + pool.take(len(pool.waiting), Result.NOT_ATTEMPTED)


def test_a_lane_with_later_tries_alone_ends_when_they_are_somebody_elses():
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)

    async def taken_meanwhile(ledger: Ledger) -> tuple[bool, bool]:
        rows = (await ledger.exchange([], [], later_tries=3)).rows
        before = await ledger.exchange([], [], tries_in_hand=rows)
        await sync_to_async(execute)(
            "UPDATE deliveries_try SET lease_by = 'another' WHERE delivery_id = %s AND seq = 2", delivery.pk
        )
        after = await ledger.exchange([], [], tries_in_hand=rows)
        return before.lost_tries, after.lost_tries

    assert with_ledger(delivery, taken_meanwhile) == (False, True)


# -- endings --------------------------------------------------------------------------------------------


def test_a_late_result_that_asks_for_a_later_try_opens_a_finished_delivery_again(relay):
    delivery = DeliveryFactory(sending=True, recipients=2)

    async def hand_over(ledger):
        hold = await ledger.claim()
        return (await ledger.exchange([hold], [], hand=hold, window=2)).rows

    async def come_late(ledger):
        entry = Entry(rows[0], MessageStatus.RETRYING, counts_as_try=False, retry_in=0.0)
        await ledger.exchange([], [entry])

    rows = with_ledger(delivery, hand_over)
    expire_leases(delivery)
    look.tick()
    delivery.refresh_from_db()
    assert delivery.status == Status.FINISHED
    with_ledger(delivery, come_late)

    send(delivery)

    assert relay.recipients() == [rows[0].address]
    assert sorted(statuses(delivery)) == ["IN_DOUBT", "SENT"]
    assert delivery.status == Status.FINISHED


def test_lanes_that_only_have_later_tries_count_as_lanes(settings):
    settings.SINETE = settings.SINETE | {"lanes": 1}
    delivery = DeliveryFactory(sending=True, recipients=3)
    leave_to_later_tries(delivery, 3)
    with_ledger(delivery, lambda ledger: ledger.exchange([], [], later_tries=1))

    gate.wake_lanes(delivery.pk)

    assert queues.SEND.waiting(prefix=f"send-{delivery.pk}-") == 0


def test_later_tries_end_chunk_by_chunk(settings):
    settings.SINETE = settings.SINETE | {"chunk_rows": 2}
    delivery = DeliveryFactory(sending=True, recipients=4)
    execute("UPDATE deliveries_message SET status = 3 WHERE delivery_id = %s", delivery.pk)
    execute(
        "UPDATE deliveries_chunk SET handed_upto = seq_to, retrying = 2, done = true WHERE delivery_id = %s",
        delivery.pk,
    )
    execute(
        "INSERT INTO deliveries_try (delivery_id, seq, due_at, tries) SELECT %s, n, now(), 1 FROM generate_series(1, 4) n",
        delivery.pk,
    )

    def end_while_the_second_chunk_is_held():
        execute("SET lock_timeout = '100ms'")
        try:
            with pytest.raises(OperationalError):
                recovery.end_tries(delivery.pk, MessageStatus.CANCELLED)
        finally:
            execute("SET lock_timeout = 0")

    async def work(ledger):
        async with ledger.connection.transaction():
            await ledger.connection.execute(
                "SELECT 1 FROM deliveries_chunk WHERE delivery_id = %s AND number = 2 FOR UPDATE",
                [delivery.pk],
            )
            await asyncio.to_thread(in_thread)

    def in_thread():
        end_while_the_second_chunk_is_held()
        connection.close()

    with_ledger(delivery, work)

    assert statuses(delivery) == ["CANCELLED", "CANCELLED", "RETRYING", "RETRYING"]
    recovery.end_tries(delivery.pk, MessageStatus.CANCELLED)
    assert statuses(delivery) == ["CANCELLED"] * 4
    assert recovery.imbalance(delivery) == {}


def test_one_broken_delivery_does_not_keep_the_others_from_leaving():
    broken = DeliveryFactory(sending=True, recipients=1)
    execute("UPDATE deliveries_message SET status = 1 WHERE delivery_id = %s", broken.pk)
    execute(
        "UPDATE deliveries_chunk SET handed_upto = 1, sent = 1, done = true WHERE delivery_id = %s", broken.pk
    )
    execute("UPDATE deliveries_confirmation SET taken_back_at = now() WHERE delivery_id = %s", broken.pk)
    stopped = DeliveryFactory(sending=True, recipients=1)
    execute("UPDATE deliveries_delivery SET status = 'stopped' WHERE id = %s", stopped.pk)

    look.tick()

    assert statuses(stopped) == ["CANCELLED"]


# -- proofs ---------------------------------------------------------------------------------------------


def test_a_proof_is_not_filled_with_the_values_of_somebody_out_of_reach():
    delivery = DeliveryFactory(unit=UnitFactory())
    stranger = ProfileFactory(unit=UnitFactory())
    to = [TestProfileFactory(unit=delivery.unit)]

    with pytest.raises(Refusal):
        proofs.send(
            delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), test_profiles=to,
            profile=stranger,
        )  # fmt: skip
    assert not ProofMessage.objects.exists()


def test_a_proof_that_could_not_be_filled_is_not_of_unknown_outcome(relay):
    delivery = DeliveryFactory(content={"html": "<p>{% if %}</p>"})
    proof = proofs.send(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(),
        test_profiles=[TestProfileFactory(unit=delivery.unit)],
    )  # fmt: skip

    proofs.run(proof_id=proof.pk)

    assert ProofMessage.objects.get().status == ProofMessage.Status.FAILED
    assert relay.recipients() == []


# -- rights ---------------------------------------------------------------------------------------------


def test_who_is_no_longer_active_sees_nothing():
    delivery = DeliveryFactory(unit=UnitFactory())
    user = UserFactory(roles={"prepare": delivery.unit}, is_active=False)

    assert not access.visible(user, Delivery.objects.all()).exists()
    assert not access.within(user, Right.PREPARE, Delivery.objects.all()).exists()
    assert not access.readable_units(user).exists()


def test_nobody_gives_himself_start_by_moving_a_unit():
    mine, theirs = UnitFactory(), UnitFactory()
    mover = UserFactory(roles={"start": mine, "administration": [mine, theirs]})

    with pytest.raises(access.SelfGrant):
        units.move_unit(unit=theirs, parent=mine, by=mover)

    theirs.refresh_from_db()
    assert not access.can(mover, Right.START, theirs)


def test_who_holds_start_in_both_places_may_move_a_unit():
    mine, theirs = UnitFactory(), UnitFactory()
    mover = UserFactory(roles={"administration": [mine, theirs]})
    access.grant(user=mover, role=Role.objects.get(pk="start"), unit=mine.parent, by=None)

    assert units.move_unit(unit=theirs, parent=mine, by=mover).path.startswith(mine.path)


@pytest.mark.parametrize("status", ["paused", "stopped", "failed"])
def test_what_a_dead_lane_left_behind_is_settled_whatever_became_of_the_delivery(status):
    delivery = DeliveryFactory(sending=True, recipients=4)

    async def hand_over_and_die(ledger):
        hold = await ledger.claim()
        await ledger.exchange([hold], [], hand=hold, window=2)

    with_ledger(delivery, hand_over_and_die)
    execute("UPDATE deliveries_delivery SET status = %s WHERE id = %s", status, delivery.pk)
    expire_leases(delivery)
    look.tick()

    rest = "PREPARED" if status == "paused" else "CANCELLED"
    assert statuses(delivery) == ["IN_DOUBT", "IN_DOUBT", rest, rest]
    assert not Chunk.objects.filter(delivery=delivery).exclude(lease_until=None).exists()
    assert recovery.imbalance(delivery) == {}


# -- a lane that is taken for dead ------------------------------------------------------------------------


def test_a_living_lane_that_is_taken_for_dead_hands_over_nothing_more_and_repeats_nobody():
    delivery = DeliveryFactory(sending=True, recipients=100)
    seen: list[int] = []

    def end_and_reclaim():
        recovery.end_leases(delivery.pk, lane="job:1@host")
        return recovery.reclaim(delivery.pk)

    async def take_it_for_dead(pool):
        if pool.waiting and not seen:
            seen.append(len(pool.waiting))
            assert await sync_to_async(end_and_reclaim)() == len(pool.waiting)
        return pool.take(len(pool.waiting))

    def name(lane):
        lane.ledger.lane = "abcd.job:1@host"

    run_lane(delivery, ScriptedPool(take_it_for_dead), before=name)

    chunk = Chunk.objects.get(delivery=delivery)
    assert (chunk.handed_upto, chunk.sent, chunk.in_doubt) == (seen[0], seen[0], 0)
    assert recovery.imbalance(delivery) == {}


@pytest.mark.parametrize("lane", ["job:2@host", "other:1@host", "job:1@elsewhere", "1@host", "%"])
def test_the_leases_of_every_other_lane_stay(lane):
    delivery = DeliveryFactory(sending=True, recipients=3)
    with_ledger(delivery, lambda ledger: ledger.claim(), lane="abcd.job:1@host")
    before = Chunk.objects.get(delivery=delivery).lease_until

    recovery.end_leases(delivery.pk, lane=lane)

    assert Chunk.objects.get(delivery=delivery).lease_until == before
