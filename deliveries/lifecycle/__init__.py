"""The one door to a delivery's status, the seal, and the notices about both.

`move` alone writes a status, by the table of steps. A seal is the fingerprint of all that was decided on.
"""

from deliveries.lifecycle.steps import (
    SEALED_STEPS,
    SERIES_STEPS,
    ChangedSincePrepared,
    SealMoved,
    Step,
    WrongStatus,
    available,
    check,
    move,
    move_all,
)

__all__ = [
    "SEALED_STEPS",
    "SERIES_STEPS",
    "ChangedSincePrepared",
    "SealMoved",
    "Step",
    "WrongStatus",
    "available",
    "check",
    "move",
    "move_all",
]
