"""The operators' buttons that belong to no step of the life cycle: proof, limit, copies, unknown outcomes, books."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import access
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries import drafting, proofs
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.forms.delivery import SetLimit
from deliveries.forms.proof import SendProof
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Doubt
from deliveries.operations import doubts, reconciliation, remainders
from deliveries.operations.doubts import Decision
from deliveries.overview import diagnosis
from deliveries.overview.diagnosis import Diagnosis
from deliveries.routing import limits

DOUBTS_SHOWN = 200  # the next ones are shown once these are settled


class TwiceUnconfirmed(Refusal):
    message = _("Say that you know it: some of them may get the message twice.")
    code = "twice_unconfirmed"


def barred(steps: list[DeskStep], delivery: Delivery) -> list[Diagnosis]:
    """Return why the buttons that act at once can't be pressed now.

    A button with a page of its own says so on that page.
    """
    acts_at_once = any(one.needs_open and not one.page for one in steps)
    return diagnosis.closed(delivery) if acts_at_once else []


# -- the verbs ------------------------------------------------------------------------------------------


def _limit(order: Order) -> Done:
    typed = order.posted.get("limit_per_hour", "")
    limit = limits.set_limit(delivery=order.delivery, per_hour=typed, by=order.by, at=order.at)
    if limit is None:
        return Done(_("It has no limit of its own any more."))
    return Done(_t("At most %(limit)s messages an hour leave from now on.") % {"limit": f"{limit:,}"})


def _duplicate(order: Order) -> Done:
    copy = drafting.duplicate(delivery=order.delivery, by=order.by)
    return Done(_t("This is the copy: %(name)s.") % {"name": copy.name}, target=copy)


def _send_remainder(order: Order) -> Done:
    made = remainders.create(delivery=order.delivery, by=order.by, at=order.at)
    text = _t("%(name)s goes to those who never got %(original)s, and to nobody else.")
    return Done(text % {"name": made.name, "original": order.delivery.name}, target=made)


def _delete(order: Order) -> Done:
    name = order.delivery.name
    drafting.delete(delivery=order.delivery, by=order.by)
    return Done(_t("%(name)s is deleted.") % {"name": name}, is_gone=True)


def _send_proof(order: Order) -> Done:
    form = SendProof(order.posted, user=order.by)
    access.require(order.by, Right.PREPARE, order.delivery)
    whom = form.order if form.is_valid() else {"test_profiles": []}
    prefix = form.cleaned_data.get("prefix") or None
    proof = proofs.send(delivery=order.delivery, by=order.by, at=order.at, **whom, prefix=prefix)
    number = proof.messages.count()
    text = ngettext(
        "The proof is on its way to %(n)s address.", "The proof is on its way to %(n)s addresses.", number
    )
    return Done(text % {"n": number})


def _reconcile(order: Order) -> Done:
    books = reconciliation.reconcile(order.delivery.pk)
    if books.balanced:
        return Done(_("The books balance."))
    off = "; ".join(f"{one.label}: {one.found} ≠ {one.expected}" for one in books.off)
    return Done(_t("The books don't balance: %(off)s") % {"off": off})


def _decide(order: Order) -> Done:
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
    return Done(
        _t("%(decision)s: %(done)s. Settled before: %(before)s. Opted out since, still held: %(opted_out)s.")
        % {
            "decision": receipt.decision.label,
            "done": receipt.done,
            "before": receipt.settled_before,
            "opted_out": receipt.opted_out,
        }
    )


# -- what the pages show before -------------------------------------------------------------------------


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
    return Right.PREPARE in rights and bool(delivery.content_id) and delivery.status in groups.EDITABLE


def _can_delete(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights and drafting.is_deletable(delivery)


def _can_duplicate(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.PREPARE in rights


for _step in (
    DeskStep("limit", _limit, offered=_can_limit, page="limit", context=_before_limit),
    DeskStep("remainder", _send_remainder, offered=_can_send_remainder),
    DeskStep("unknown-outcomes", _decide, offered=_can_decide, page="doubts",
             context=_before_deciding),
    DeskStep("reconcile", _reconcile, offered=_can_reconcile),
    DeskStep("proof", _send_proof, offered=_can_prove, page="proof", context=_before_proof,
             needs_open=True),
    DeskStep("duplicate", _duplicate, offered=_can_duplicate),
    DeskStep("remove", _delete, offered=_can_delete, page="delete", context=_before_deleting),
):  # fmt: skip
    register(_step)
