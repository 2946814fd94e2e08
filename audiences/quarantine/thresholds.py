"""When errors put an address into quarantine, and when they are forgotten: pure, from its errors in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from audiences.models import AddressError, Quarantine

Status = Quarantine.Status
Nature = AddressError.Nature


@dataclass(frozen=True, slots=True)
class Limits:
    """Soft errors count once in `spacing` at most; `most` of them hold the address; in time they are forgotten."""

    most: int = 5
    spacing: timedelta = timedelta(days=1)
    decay: timedelta = timedelta(days=10)
    decay_of_full: timedelta = timedelta(days=30)

    @classmethod
    def from_settings(cls) -> "Limits":
        chosen = settings.SINETE
        return cls(
            most=chosen["quarantine_errors"],
            spacing=timedelta(hours=chosen["quarantine_spacing_hours"]),
            decay=timedelta(days=chosen["quarantine_decay_days"]),
            decay_of_full=timedelta(days=chosen["quarantine_decay_days_of_full"]),
        )

    def forgotten_after(self, error: "Error") -> timedelta:
        """How long after its last error an address that is still used is valid again."""
        return self.decay_of_full if error.reason == "mailbox_full" else self.decay


@dataclass(frozen=True, slots=True)
class Error:
    """One thing that is known against an address."""

    at: datetime
    nature: str
    reason: str
    text: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands by its errors: `last` is the one that says so, None where there is none any more."""

    status: str = Status.VALID
    errors: int = 0
    last: Error | None = None


def judge(errors: Sequence[Error], *, limits: Limits, at: datetime) -> Standing:
    """Return how the address stands at `at`, whatever the order in which its errors came in.

    A complaint denies it and a hard error holds it at once; neither is forgotten, nor is a quarantine by soft errors.
    """
    ordered = sorted(errors, key=lambda error: (error.at, error.reference))
    number, counted, last = 0, None, None
    held: Standing | None = None
    for error in ordered:
        if error.nature == Nature.COMPLAINT:
            return Standing(Status.DENYLIST, number + 1, error)
        if held is not None:
            continue
        if error.nature == Nature.HARD:
            held = Standing(Status.QUARANTINE, number + 1, error)
            continue
        if last is not None and error.at - last.at > limits.forgotten_after(last):
            number, counted = 0, None
        if counted is None or error.at - counted.at >= limits.spacing:
            number, counted = number + 1, error
        last = error
        if number >= limits.most:
            held = Standing(Status.QUARANTINE, number, error)
    if held is not None:
        return held
    if last is None or at - last.at > limits.forgotten_after(last):
        return Standing()
    return Standing(Status.ERRONEOUS, number, last)
