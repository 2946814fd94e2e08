"""What is left to do when a job counts as done: it needs its process, which only waits, and no worker.

A worker that can go on beside such a process offers that before it begins a job; where nobody offers it, what is
left is done at once, as a part of the job.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class _Offer:
    tell: int  # where the worker listens: a pipe that it reads
    held: int  # what processes that linger already hold of what is scarce, by the worker's count
    left: list[tuple[Callable[[], None], int]] = field(default_factory=list)


_offer: _Offer | None = None


def offer(tell: int, *, held: int) -> None:
    """The process of the next job may outlast it."""
    global _offer
    _offer = _Offer(tell, held)


def withdraw() -> None:
    """No process may outlast its job any more."""
    global _offer
    _offer = None


def held() -> int:
    """How much the processes hold that this worker has let linger."""
    return _offer.held if _offer is not None else 0


def leave(work: Callable[[], None], *, holds: int, most: int) -> None:
    """Have it done once the job counts as done. Where all that lingers would hold more than that: now."""
    if _offer is None or _offer.held + holds > most:
        work()
    else:
        _offer.left.append((work, holds))


def do_what_is_left() -> None:
    """The job counts as done: let the worker go on, and do what was left."""
    if _offer is None or not _offer.left:
        return
    # Where the worker is gone this process goes on by itself.
    with suppress(OSError):
        os.write(_offer.tell, bytes([min(255, max(1, sum(holds for _work, holds in _offer.left)))]))
    with suppress(OSError):
        os.close(_offer.tell)
    for work, _holds in _offer.left:
        work()
