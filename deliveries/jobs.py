"""The functions that workers run: they take ids and make one call. Each may run twice, run late, or end half-way."""

import asyncio
from functools import partial

import uvloop
from django.db import connection, transaction

from accounts import audit
from campaign.lib import clock, lingering, memory
from deliveries import proofs, queues
from deliveries.drafting import unsaved
from deliveries.ledger import recovery
from deliveries.lifecycle import notices
from deliveries.preparation import verbs as preparation
from deliveries.routing import dns_answers
from deliveries.sending import lane_job, rate
from deliveries.sending.lanes import Lane
from deliveries.tick import look


def tick(**_: object) -> None:
    with audit.entered("job"):
        look.tick()


def take_steps(**_: object) -> None:
    with audit.entered("job"):
        look.take_steps()


def see_to_large(*, delivery_id: int, **_: object) -> None:
    with audit.entered("job"):
        look.see_to_large(delivery_id)


def note_pace(*, delivery_ids: list[int], **_: object) -> None:
    rate.note_all(delivery_ids, at=clock.now())


def prepare(*, preparation_id: int, **_: object) -> None:
    with audit.entered("job"):
        preparation.run(preparation_id=preparation_id)
    queues.TICK.enqueue()  # release a run of a series, or give notice of it, at once


def drain(*, delivery_id: int, **_: object) -> None:
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with audit.entered("job"), memory.without_old_objects():
        lane = None
        try:
            lane = runner.run(lane_job.send(delivery_id=delivery_id))
        finally:
            if lane is None:
                runner.close()
    if lane is not None:
        late = partial(_settle_late, lane, runner)
        lingering.leave(late, holds=lane.connections, most=lane.connections_at_most)


def _settle_late(lane: Lane, runner: asyncio.Runner) -> None:
    with audit.entered("job"), runner:
        runner.run(lane_job.settle_late(lane))


def mail_notices(**_: object) -> None:
    notices.mail(clock.now())


def end_leases(*, delivery_id: int, lane: str, **_: object) -> None:
    with audit.entered("job"), transaction.atomic():
        # It runs on the tick's worker, so it waits for no lock long: the leases run out by themselves too.
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '1s', true)")
        recovery.end_leases(delivery_id, lane=lane)


def send_proof(*, proof_id: int, **_: object) -> None:
    with audit.entered("job"):
        proofs.run(proof_id=proof_id)


def forget_old_drafts(**_: object) -> None:
    unsaved.forget(clock.now())


def look_up(**_: object) -> None:
    dns_answers.look_up_due()
