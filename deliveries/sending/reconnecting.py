"""How a lane goes on after its connection to PostgreSQL was lost.

The commit whose answer was lost may have happened or not: the ledger says what the lane holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deliveries.sending import fence
from deliveries.sending.apart import apart
from deliveries.sending.exchange import Ledger
from deliveries.sending.rows import Hold, Row


@dataclass(slots=True)
class Found:
    """What a lane holds, as the ledger says after a commit whose answer was lost."""

    marks: dict[int, int]  # of each chunk that is still this lane's
    tries: list[Row]
    windows: list[tuple[Hold, int, list[Row]]]  # that this commit handed over, with the mark behind each
    unfed: list[Row]  # that it handed over of chunks which another lane has by now: they are in doubt


async def connect_again(ledger: Ledger) -> Ledger:
    """Return the same lane's ledger on a new connection; raise what connecting raises while PostgreSQL is away."""
    await ledger.close()
    fresh = await Ledger.connect(delivery_id=ledger.delivery_id, lane=ledger.lane)
    fresh.limits = ledger.limits
    return fresh


async def find_held(ledger: Ledger, holds: Sequence[Hold]) -> Found | None:
    """Return what the lane holds; None where the database is not the one that went away.

    The exchange whose answer was lost may still be under way: it is waited for, so that what is read is final.
    """
    if not await apart(fence.passes):
        return None
    async with ledger.after_the_last():
        await (
            ledger.look()
        )  # no exchange on this connection has: what is read now would leave without being measured
        marks = await ledger.marks(holds)
        return Found(
            marks=marks,
            tries=await ledger.read_tries(),
            windows=[
                (hold, mark, await ledger.read_window(hold, hold.handed_upto, mark))
                for hold in holds
                if (mark := marks.get(hold.number, hold.handed_upto)) > hold.handed_upto
            ],
            unfed=[
                row for hold in holds if hold.number not in marks for row in await ledger.read_unfed(hold)
            ],
        )
