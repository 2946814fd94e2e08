"""Releasing what was prepared and approved, and taking that back before anything has left."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts.models import User
from accounts.units import units
from campaign.lib.refusals import Refusal
from deliveries import lifecycle, queues
from deliveries.lifecycle import Step, attachments, log
from deliveries.lifecycle.attachments import Cost
from deliveries.models import CauseRow, Confirmation, Delivery, Status
from deliveries.routing import routes
from deliveries.schedule import capacity, plan_report, planning, rescheduling
from deliveries.schedule.plan_report import Plan
from deliveries.sending import gate
from deliveries.series import eligibility


class CountMistyped(Refusal):
    message = _("Type the number of messages, %(expected)s, to confirm a send of this size.")
    code = "count_mistyped"


class DatePassed(Refusal):
    message = _("The date of this delivery has passed. Choose a new one, or “at once”.")
    code = "date_passed"


class AlreadyLeft(Refusal):
    message = _("The first message has left: the confirmation can't be taken back. Pause or stop the send.")
    code = "already_left"


@dataclass(frozen=True)
class Question:
    """What the second step shows before *OK*: everything that the confirmation will bind."""

    seal: str
    to_deliver: int
    targeted: int
    causes: list[CauseRow]
    sender: str
    signed_as: str  # the domain of the DKIM signature; empty: none
    subject: str
    leaves_at: datetime | None  # None: at once
    grace: int  # seconds after OK in which an “at once” can still be taken back; 0: none
    zone: str
    warnings: list[dict[str, Any]]
    age: timedelta
    must_type: bool
    plan: Plan | None = None  # who leaves when, where that is more than one moment
    attachments: Cost | None = None  # what files add to it
    only_change: str = ""  # what differs from what was decided on before, where that was all


def question(*, delivery: Delivery, by: User, at: datetime) -> Question:
    """Return what `by` must look at before they say OK; raise what `lifecycle.check` raises."""
    lifecycle.check(delivery, confirming(delivery), by=by, seal=delivery.seal)
    preparation = delivery.latest_preparation()
    content = preparation.content
    assert content is not None
    plan = plan_report.plan(delivery, at=at, grace=timedelta(seconds=_grace(delivery)))
    return Question(
        seal=preparation.seal,
        to_deliver=preparation.to_deliver,
        targeted=preparation.targeted,
        causes=preparation.cause_rows,
        sender=f"{content.from_name} <{content.from_address}>" if content.from_name else content.from_address,
        signed_as=routes.route_of(delivery).dkim_domain,
        subject=content.subject,
        leaves_at=plan.first.at if plan and plan.first.at > at else delivery.contact_date,
        grace=_grace(delivery),
        plan=plan,
        zone=delivery.time_zone,
        # What the plan says of now is fresher than what the preparation found; limits may have changed since.
        warnings=[
            one.to_dict()
            for one in capacity.current(delivery, at=at)
            if one.is_warning and one.code not in planning.TOLD_BY_PLAN
        ],
        age=at - (preparation.counted.ended_at or preparation.counted.started_at),
        only_change=rescheduling.in_words(delivery),
        attachments=attachments.cost(
            attachments.sealed_in(preparation.manifest), messages=preparation.to_deliver
        ),
        must_type=must_type(preparation.to_deliver),
    )


def confirming(delivery: Delivery) -> Step:
    """The step that OK takes: a recurring delivery is activated, any other one confirmed."""
    return Step.ACTIVATE if delivery.is_recurring else Step.CONFIRM


def must_type(to_deliver: int) -> bool:
    """Whether the number of recipients must be typed to confirm so many."""
    return to_deliver > settings.SINETE["confirm_by_typing_above"]


def _grace(delivery: Delivery) -> int:
    """The seconds between OK and the first message; none where the delivery leaves at a date."""
    if delivery.contact_date is not None:
        return 0
    of_unit = units.grace_seconds(delivery.unit)
    return max(0, settings.SINETE["grace_seconds"] if of_unit is None else of_unit)


@transaction.atomic
def confirm(
    *, delivery: Delivery, seal: str, by: User, at: datetime, typed: int | None = None
) -> Confirmation:
    """Release the preparation that `seal` names. Of two that race, one wins; the other is refused.

    `typed` is the number of messages as the person typed it; it is asked for above a set size.

    Raise CountMistyped where that is another number, DatePassed where the date of sending has passed, and what
    `lifecycle.check`, `gate.require_open` and `planning.settle` raise.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    step = confirming(delivery)
    leave = lifecycle.check(delivery, step, by=by, seal=seal)
    gate.require_open(delivery)
    preparation = delivery.latest_preparation()
    if must_type(preparation.to_deliver) and typed != preparation.to_deliver:
        raise CountMistyped(expected=preparation.to_deliver)
    if delivery.contact_date is not None and (delivery.expires_at or delivery.contact_date) < at:
        raise DatePassed()
    grace = _grace(delivery)
    planning.settle(delivery, at=at, grace=timedelta(seconds=grace))
    confirmation = Confirmation.objects.create(
        delivery=delivery, preparation=preparation, seal=seal, by=by, at=at, to_deliver=preparation.to_deliver,
        leaves_at=at + timedelta(seconds=grace) if grace and not delivery.has_moments else None,
    )  # fmt: skip
    lifecycle.move(delivery, step, by=by, at=at, seal=seal, leave=leave, to_deliver=preparation.to_deliver)
    if delivery.is_recurring:
        eligibility.begin(delivery, at=at)
    log.write(
        delivery,
        at,
        n_("Activated by %(by)s") if delivery.is_recurring else n_("Confirmed by %(by)s"),
        by=str(by),
    )
    queues.TICK.enqueue()
    return confirmation


@transaction.atomic
def take_back(*, delivery: Delivery, by: User, at: datetime) -> Delivery:
    """Return the delivery to Ready, as long as no message has been handed over. A series makes no more runs.

    Raise AlreadyLeft while it sends, and what `lifecycle.check` raises.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    if delivery.status == Status.SENDING:
        raise AlreadyLeft()
    step = Step.DEACTIVATE if delivery.is_recurring else Step.TAKE_BACK
    leave = lifecycle.check(delivery, step, by=by)
    confirmation = delivery.confirmations.get(taken_back_at=None)
    lifecycle.move(delivery, step, by=by, at=at, leave=leave)
    if delivery.is_recurring:
        eligibility.end(delivery, at=at)
    planning.unsettle(delivery)
    confirmation.taken_back_at, confirmation.taken_back_by = at, by
    confirmation.save(update_fields=["taken_back_at", "taken_back_by"])
    log.write(delivery, at, n_("Confirmation taken back by %(by)s"), by=str(by))
    return delivery
