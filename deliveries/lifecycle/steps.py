"""The life cycle as one table, with one door.

`Step` says which step leads from which statuses to which, and whose right it needs (None: workers only).
`move`, and `move_all` for many at once, alone write `Delivery.status`; PostgreSQL holds the same table (migration
`guards`) and refuses what it does not know, whatever code asks. Pages draw their buttons from `available`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries.lifecycle import seal as sealing
from deliveries.models import Delivery, Status, StatusChange

S = Status


class Step(Enum):
    #                from                                                              to                who may
    PREPARE = {S.DRAFT, S.PREPARATION_FAILED, S.AWAITING_APPROVAL, S.READY}, S.PREPARING, Right.PREPARE
    STOP_PREPARATION = {S.PREPARING}, S.DRAFT, Right.PREPARE
    FAIL_PREPARATION = {S.PREPARING}, S.PREPARATION_FAILED, None
    ASK_APPROVAL = {S.PREPARING}, S.AWAITING_APPROVAL, None
    NEED_NO_APPROVAL = {S.PREPARING}, S.READY, None
    CHANGE = {S.PREPARATION_FAILED, S.AWAITING_APPROVAL, S.READY}, S.DRAFT, Right.PREPARE
    # A new time, the same recipients; the second where nobody is asked for approval.
    ASK_AGAIN = {S.AWAITING_APPROVAL, S.READY}, S.AWAITING_APPROVAL, Right.PREPARE
    KEEP_READY = {S.READY}, S.READY, Right.PREPARE
    APPROVE = {S.AWAITING_APPROVAL}, S.READY, Right.APPROVE
    REJECT = {S.AWAITING_APPROVAL}, S.DRAFT, Right.APPROVE
    CONFIRM = {S.READY}, S.SCHEDULED, Right.START
    TAKE_BACK = {S.SCHEDULED}, S.READY, Right.START
    BEGIN = {S.SCHEDULED}, S.SENDING, None
    PAUSE = {S.SENDING}, S.PAUSED, Right.START
    RESUME = {S.PAUSED}, S.SENDING, Right.START
    WITHDRAW = {S.SCHEDULED}, S.READY, None  # a copy or a restored backup was adopted
    HOLD = {S.SENDING}, S.PAUSED, None  # the same, or it passed a limit
    STOP = {S.SENDING, S.PAUSED}, S.STOPPED, Right.START
    FINISH = {S.SENDING}, S.FINISHED, None
    REOPEN = {S.FINISHED}, S.SENDING, None  # a late answer or a person made a doubt a later try
    FAIL = {S.SCHEDULED, S.SENDING, S.PAUSED}, S.FAILED, None
    EXPIRE = {S.DRAFT, S.PREPARATION_FAILED, S.AWAITING_APPROVAL, S.READY}, S.EXPIRED, None
    # A recurring delivery, and its runs.
    ACTIVATE = {S.READY}, S.ACTIVE, Right.START
    DEACTIVATE = {S.ACTIVE, S.SUSPENDED}, S.READY, Right.START
    SUSPEND = {S.ACTIVE}, S.SUSPENDED, Right.START
    CONTINUE = {S.SUSPENDED}, S.ACTIVE, Right.START
    END = {S.ACTIVE, S.SUSPENDED}, S.STOPPED, Right.START
    COMPLETE = {S.ACTIVE}, S.FINISHED, None
    HOLD_SERIES = {S.ACTIVE}, S.SUSPENDED, None  # a copy or a restored backup was adopted
    PREPARE_RUN = {S.DRAFT}, S.PREPARING, None
    RELEASE_RUN = {S.READY}, S.SCHEDULED, None  # inside of what was activated
    SKIP_RUN = {S.SCHEDULED}, S.EXPIRED, None

    @property
    def sources(self) -> frozenset[Status]:
        return frozenset(self.value[0])

    @property
    def target(self) -> Status:
        return self.value[1]

    @property
    def right(self) -> Right | None:
        return self.value[2]

    @property
    def code(self) -> str:
        return self.name.lower()

    def suits(self, delivery: Delivery) -> bool:
        """Whether the step fits the kind of delivery: a recurring one is activated, any other one is confirmed."""
        if self is Step.CONFIRM:
            return not delivery.is_recurring
        return self not in SERIES_STEPS or delivery.is_recurring


# Steps that act on what was sealed: whoever takes one says which seal was on the screen.
SEALED_STEPS = frozenset({Step.APPROVE, Step.REJECT, Step.CONFIRM, Step.ACTIVATE})
SERIES_STEPS = frozenset(
    {Step.ACTIVATE, Step.DEACTIVATE, Step.SUSPEND, Step.CONTINUE, Step.END, Step.COMPLETE, Step.HOLD_SERIES}
)


class WrongStatus(Refusal):
    message = _("“%(delivery)s” is “%(status)s”: this can't be done now.")
    code = "wrong_status"


class SealMoved(Refusal):
    message = _("What you saw is no longer what is prepared. Look at it again before you decide.")
    code = "seal_moved"


class ChangedSincePrepared(Refusal):
    message = _("Changed since it was prepared: %(parts)s. Prepare it again.")
    code = "changed_since_prepared"


@dataclass(frozen=True)
class Leave:
    """That a step may be taken: what `check` returns and `move` takes, in the transaction that holds the row."""

    delivery: Delivery
    step: Step
    by: User | None
    seal: str | None
    status: str

    def covers(self, delivery: Delivery, step: Step, *, by: User | None, seal: str | None) -> bool:
        """Whether nothing else was checked than this step of this very object."""
        asked = (self.step, self.by, self.seal, self.status) == (step, by, seal, delivery.status)
        return asked and self.delivery is delivery


def check(delivery: Delivery, step: Step, *, by: User | None, seal: str | None = None) -> Leave:
    """Return where the person may take the step, the status allows it, and the seal still holds.

    Call it on a locked row. Raise NotAllowed, WrongStatus, SealMoved or ChangedSincePrepared otherwise.
    """
    if step.right is not None:
        assert by is not None, f"{step.name} is taken by a person"
        access.require(by, step.right, delivery)
    if delivery.status not in step.sources or not step.suits(delivery):
        raise WrongStatus(delivery=delivery, status=Status(delivery.status).label)
    if step in SEALED_STEPS:
        if not seal or seal != delivery.seal:
            raise SealMoved()
        changed = sealing.changes(delivery)
        if changed:
            raise ChangedSincePrepared(parts=sealing.in_words(changed))
    return Leave(delivery, step, by, seal, delivery.status)


def move(
    delivery: Delivery,
    step: Step,
    *,
    by: User | None,
    at: datetime,
    seal: str | None = None,
    leave: Leave | None = None,
    comment: str = "",
    **detail: Any,
) -> StatusChange:
    """Give the delivery the step's status and record the step as a StatusChange.

    The row must be locked. It is checked, unless the `leave` that `check` gave in this transaction covers the step.
    Raise what `check` raises.
    """
    if leave is None or not leave.covers(delivery, step, by=by, seal=seal):
        check(delivery, step, by=by, seal=seal)
    old, delivery.status = delivery.status, step.target
    delivery.save(update_fields=["status", "changed_at"])
    change = _change(delivery, step, old=old, by=by, at=at, comment=comment, detail=detail)
    change.save(force_insert=True)
    return change


def move_all(deliveries: Sequence[Delivery], step: Step, *, at: datetime) -> None:
    """Take the step on many deliveries at once, for workers: each is checked, and either all get its status or none.

    Every row must be locked. Raise what `check` raises for the first delivery that may not take the step.
    """
    changes = []
    for delivery in deliveries:
        check(delivery, step, by=None)
        old, delivery.status = delivery.status, step.target
        changes.append(_change(delivery, step, old=old, by=None, at=at))
    ids = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__in=ids).update(status=step.target, changed_at=timezone.now())
    StatusChange.objects.bulk_create(changes)


def _change(
    delivery: Delivery, step: Step, *, old: str, by: User | None, at: datetime, comment: str = "",
    detail: dict[str, Any] | None = None,
) -> StatusChange:  # fmt: skip
    """Return the trail's row of a step; the caller saves it."""
    return StatusChange(
        delivery=delivery,
        step=step.code,
        old=old,
        new=step.target,
        by=by,
        os_user=audit.os_user(),
        face=audit.face(),
        at=at,
        seal=delivery.seal,
        comment=comment,
        detail=detail or {},
    )


def available(delivery: Delivery, rights: frozenset[Right]) -> frozenset[Step]:
    """Return the steps that holders of these rights could take now, judged by rights and status."""
    return frozenset(
        step
        for step in Step
        if step.right in rights and delivery.status in step.sources and step.suits(delivery)
    )
