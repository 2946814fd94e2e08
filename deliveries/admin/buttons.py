"""The operators' buttons: each is one step through the same verb as on the pages, always by POST.

Those that must be thought about lead to a page first; the second step of *Confirm send* is one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock, numbers
from campaign.lib.refusals import Refusal
from deliveries import drafting, lifecycle, proofs
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.content.findings import Finding
from deliveries.forms.delivery import SendProof, SetLimit
from deliveries.lifecycle import Step, seal
from deliveries.models import Cause, Delivery, Doubt, Status
from deliveries.operations import doubts, reconciliation, remainders
from deliveries.operations.doubts import Decision
from deliveries.overview import diagnosis
from deliveries.overview.diagnosis import Diagnosis
from deliveries.preparation import verbs as preparation
from deliveries.routing import limits
from deliveries.schedule import capacity, rescheduling
from deliveries.sending.control import waves
from deliveries.series import calendar

DOUBTS_SHOWN = 200  # the next ones come up once these are settled


class TwiceUnconfirmed(Refusal):
    message = _("Say that you know it: some of them may get the message twice.")
    code = "twice_unconfirmed"


@dataclass(frozen=True)
class Order:
    """One press of a button: whose delivery, by whom, when, and what was posted along."""

    delivery: Delivery
    by: User
    at: datetime
    posted: QueryDict

    @property
    def seal(self) -> str:
        return self.posted.get("seal", "")

    @property
    def comment(self) -> str:
        return self.posted.get("comment", "").replace("\x00", "").strip()

    @property
    def reason(self) -> str:
        return self.posted.get("reason", "").replace("\x00", "")

    @property
    def typed(self) -> int | None:
        return numbers.whole(self.posted.get("typed", ""))


@dataclass(frozen=True)
class Receipt:
    """What is said afterwards, and where one goes: to `target`, or else to the delivery's own page."""

    text: str | Promise
    target: Model | None = None
    is_gone: bool = False


@dataclass(frozen=True)
class DeskStep:
    """One button. It is offered by the table of steps, or by `offered` where it is no step of the life cycle."""

    name: str
    label: str | Promise
    take: Callable[[Order], Receipt]
    step: Step | None = None
    offered: Callable[[Delivery, User, frozenset[Right]], bool] = lambda delivery, user, rights: False
    page: str = ""  # the template that asks first
    context: Callable[[Delivery, User, datetime], dict[str, Any]] = lambda delivery, user, at: {}
    variant: str = "default"
    needs_open: bool = False  # refused while all sending is stopped, and on a copy


STEPS: dict[str, DeskStep] = {}


def register(desk_step: DeskStep) -> None:
    """The desk has this button too; apps above add theirs."""
    STEPS[desk_step.name] = desk_step


def offered(delivery: Delivery, user: User) -> list[DeskStep]:
    """The buttons for this person now; never more than the table of steps allows."""
    rights = access.held(user, delivery)
    available = lifecycle.available(delivery, rights)
    if available & lifecycle.SEALED_STEPS and seal.changes(delivery):
        available -= lifecycle.SEALED_STEPS
    return [
        desk_step
        for desk_step in STEPS.values()
        if (desk_step.step in available if desk_step.step else desk_step.offered(delivery, user, rights))
    ]


def barred(steps: list[DeskStep], delivery: Delivery) -> list[Diagnosis]:
    """Why those of them that act at once can't be taken now; what has a page says so there."""
    acts_at_once = any(one.needs_open and not one.page for one in steps)
    return diagnosis.closed(delivery) if acts_at_once else []


# -- the verbs ------------------------------------------------------------------------------------------


def _prepare(order: Order) -> Receipt:
    preparation.start(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_("The preparation has begun."))


def _stop_preparation(order: Order) -> Receipt:
    preparation.stop(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_("The preparation was stopped."))


def _approve(order: Order) -> Receipt:
    approval.approve(
        delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, comment=order.comment
    )
    return Receipt(_("Approved: it waits for its confirmation."))


def _reject(order: Order) -> Receipt:
    approval.reject(delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, comment=order.comment)
    return Receipt(_("Rejected: it is back in Editing, with your comment."))


def _confirm(order: Order) -> Receipt:
    confirmation.confirm(
        delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, typed=order.typed
    )
    if order.delivery.is_recurring:
        return Receipt(_("Active: each run is prepared ahead of its time."))
    return Receipt(_("Confirmed."))


def _take_back(order: Order) -> Receipt:
    confirmation.take_back(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_("The confirmation is taken back."))


def _pause(order: Order) -> Receipt:
    confirmation.pause(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_("Paused: nothing more is handed over."))


def _resume(order: Order) -> Receipt:
    confirmation.resume(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_("Resumed."))


def _release_wave(order: Order) -> Receipt:
    wave = waves.release(delivery=order.delivery, by=order.by, at=order.at)
    return Receipt(_t("Wave %(number)s may leave.") % {"number": wave.number})


def _stop(order: Order) -> Receipt:
    stopped = confirmation.stop(delivery=order.delivery, by=order.by, at=order.at)
    if order.delivery.is_recurring:
        return Receipt(_("The series has ended: there are no more runs."))
    said = _t("Stopped: %(left)s had left, %(cancelled)s never will.") % {
        "left": stopped.left, "cancelled": stopped.cancelled,
    }  # fmt: skip
    return Receipt(" ".join([said, *stopped.remarks]))


def _limit(order: Order) -> Receipt:
    typed = order.posted.get("limit_per_hour", "")
    limit = limits.set_limit(delivery=order.delivery, per_hour=typed, by=order.by, at=order.at)
    if limit is None:
        return Receipt(_("It has no limit of its own any more."))
    return Receipt(_t("At most %(limit)s messages an hour leave from now on.") % {"limit": f"{limit:,}"})


def _duplicate(order: Order) -> Receipt:
    copy = drafting.duplicate(delivery=order.delivery, by=order.by)
    return Receipt(_t("This is the copy: %(name)s.") % {"name": copy.name}, target=copy)


def _send_remainder(order: Order) -> Receipt:
    made = remainders.create(delivery=order.delivery, by=order.by, at=order.at)
    text = _t("%(name)s goes to those who never got %(original)s, and to nobody else.")
    return Receipt(text % {"name": made.name, "original": order.delivery.name}, target=made)


def _delete(order: Order) -> Receipt:
    name = order.delivery.name
    drafting.delete(delivery=order.delivery, by=order.by)
    return Receipt(_t("%(name)s is deleted.") % {"name": name}, is_gone=True)


def _send_proof(order: Order) -> Receipt:
    form = SendProof(order.posted, user=order.by)
    access.require(order.by, Right.PREPARE, order.delivery)
    chosen = list(form.cleaned_data["test_profiles"]) if form.is_valid() else []
    proofs.send(
        delivery=order.delivery,
        by=order.by,
        at=order.at,
        test_profiles=chosen,
        profile=form.cleaned_data.get("profile"),
        prefix=form.cleaned_data.get("prefix") or None,
    )
    return Receipt(_t("The proof is on its way to %(number)s test profiles.") % {"number": len(chosen)})


def _reconcile(order: Order) -> Receipt:
    books = reconciliation.reconcile(order.delivery.pk)
    if books.balanced:
        return Receipt(_("The books balance."))
    off = "; ".join(f"{one.label}: {one.found} ≠ {one.expected}" for one in books.off)
    return Receipt(_t("The books don't balance: %(off)s") % {"off": off})


def _decide(order: Order) -> Receipt:
    posted = order.posted
    decision = posted.get("decision", "")
    if decision not in Decision.values:
        raise doubts.NothingChosen()
    if decision == Decision.SEND_AGAIN and not posted.get("sure"):
        raise TwiceUnconfirmed()
    seqs = [int(seq) for seq in posted.getlist("seq") if seq.isascii() and seq.isdecimal() and len(seq) < 11]
    receipt = doubts.decide(
        delivery=order.delivery, decision=Decision(decision), by=order.by, at=order.at, reason=order.reason,
        seqs=None if posted.get("which") == "all" else seqs,
    )  # fmt: skip
    return Receipt(
        _t("%(decision)s: %(done)s. Settled before: %(before)s. Opted out since, still held: %(opted_out)s.")
        % {
            "decision": receipt.decision.label,
            "done": receipt.done,
            "before": receipt.settled_before,
            "opted_out": receipt.opted_out,
        }
    )


# -- what the pages show before -------------------------------------------------------------------------


def prepared(delivery: Delivery) -> dict[str, Any]:
    """What a decision is about: the counts, the causes, the findings, the seal."""
    latest = delivery.latest_preparation()
    return {
        "preparation": latest,
        "causes": [
            (Cause(cause).label, latest.causes[cause]) for cause in Cause.values if latest.causes.get(cause)
        ],
        "findings": capacity.current(delivery, at=clock.now()),
        "seal": latest.seal,
        "policy": delivery.policy.label,
    }


def _before_approving(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    lifecycle.check(delivery, Step.APPROVE, by=user, seal=delivery.seal)
    return prepared(delivery) | {"only_change": rescheduling.in_words(delivery)}


def _before_confirming(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    question = confirmation.question(delivery=delivery, by=user, at=at)
    warnings = [Finding.from_dict(warning) for warning in question.warnings]
    return {
        "question": question,
        "warnings": warnings,
        "seal": question.seal,
        "upcoming": calendar.of_delivery(delivery, at=at),
    }


def _before_stopping(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    lifecycle.check(delivery, confirmation.stopping(delivery), by=user)
    return {"ahead": confirmation.before_stopping(delivery)}


def _before_deciding(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    access.require(user, Right.START, delivery)
    rows = list(doubts.listed(delivery, user=user).order_by("seq")[:DOUBTS_SHOWN])
    return {
        "doubts": [(row, doubts.again_from(row.since)) for row in rows],
        "number": doubts.number(delivery),
        "decisions": Decision.choices,
    }


def _before_limit(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    access.require(user, limits.right_to_set(delivery) or Right.START, delivery)
    return {"form": SetLimit(initial={"limit_per_hour": delivery.limit_per_hour})}


def _before_proof(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    access.require(user, Right.PREPARE, delivery)
    return {"form": SendProof(user=user)}


def _before_deleting(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    access.require(user, Right.PREPARE, delivery)
    return {}


def _can_reconcile(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return delivery.started_at is not None and reconciliation.has_books(delivery)


def _can_decide(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    begun = delivery.started_at is not None and Right.START in rights
    return begun and Doubt.objects.filter(delivery=delivery).exists()


def _can_send_remainder(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights and remainders.is_possible(delivery)


def _can_limit(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return limits.right_to_set(delivery) in rights


def _can_prove(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights and bool(delivery.content_id) and Status(delivery.status).is_editable


def _can_delete(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights and drafting.is_deletable(delivery)


def _can_release(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.START in rights and waves.held(delivery) is not None


def _can_duplicate(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights


for _step in (
    DeskStep("confirm", _("Confirm send"), _confirm, Step.CONFIRM, page="confirm", context=_before_confirming,
             variant="primary", needs_open=True),
    DeskStep("approve", _("Approve"), _approve, Step.APPROVE, page="approve", context=_before_approving,
             variant="primary"),
    DeskStep("reject", _("Reject"), _reject, Step.REJECT, page="reject", context=_before_approving),
    DeskStep("prepare", _("Prepare"), _prepare, Step.PREPARE, variant="primary"),
    DeskStep("stop-preparation", _("Stop preparation"), _stop_preparation, Step.STOP_PREPARATION),
    DeskStep("take-back", _("Take back confirmation"), _take_back, Step.TAKE_BACK),
    DeskStep("activate", _("Activate"), _confirm, Step.ACTIVATE, page="confirm", context=_before_confirming,
             variant="primary", needs_open=True),
    DeskStep("deactivate", _("Take back activation"), _take_back, Step.DEACTIVATE),
    DeskStep("continue", _("Resume"), _resume, Step.CONTINUE, variant="primary", needs_open=True),
    DeskStep("suspend", _("Pause"), _pause, Step.SUSPEND),
    DeskStep("end", _("End series"), _stop, Step.END, page="stop", context=_before_stopping, variant="danger"),
    DeskStep("resume", _("Resume"), _resume, Step.RESUME, variant="primary", needs_open=True),
    DeskStep("release-wave", _("Release the held wave"), _release_wave, offered=_can_release,
             needs_open=True),
    DeskStep("pause", _("Pause"), _pause, Step.PAUSE),
    DeskStep("limit", _("Limit"), _limit, offered=_can_limit, page="limit", context=_before_limit),
    DeskStep("stop", _("Stop sending"), _stop, Step.STOP, page="stop", context=_before_stopping, variant="danger"),
    DeskStep("remainder", _("Send the remainder"), _send_remainder, offered=_can_send_remainder, variant="primary"),
    DeskStep("unknown-outcomes", _("Decide about unknown outcomes"), _decide, offered=_can_decide, page="doubts",
             context=_before_deciding),
    DeskStep("reconcile", _("Reconcile"), _reconcile, offered=_can_reconcile),
    DeskStep("proof", _("Send proof"), _send_proof, offered=_can_prove, page="proof", context=_before_proof,
             needs_open=True),
    DeskStep("duplicate", _("Duplicate"), _duplicate, offered=_can_duplicate),
    DeskStep("remove", _("Delete"), _delete, offered=_can_delete, page="delete", context=_before_deleting),
):  # fmt: skip
    register(_step)
