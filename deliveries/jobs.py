"""What workers run: ids in, one call, nothing else. Each may run twice, late, or die half-way."""

import asyncio

import uvloop

from accounts import audit
from deliveries import preparation, proofs, scheduling
from deliveries.sending import lanes, recovery


def tick(**_: object) -> None:
    with audit.entered("job"):
        scheduling.tick()


def prepare(*, preparation_id: int, **_: object) -> None:
    with audit.entered("job"):
        preparation.run(preparation_id=preparation_id)


def drain(*, delivery_id: int, **_: object) -> None:
    with audit.entered("job"), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(lanes.drain(delivery_id=delivery_id))


def end_leases(*, delivery_id: int, lane: str, **_: object) -> None:
    with audit.entered("job"):
        recovery.end_leases(delivery_id, lane=lane)


def send_proof(*, proof_id: int, **_: object) -> None:
    with audit.entered("job"):
        proofs.run(proof_id=proof_id)
