"""The operators' desk on approvals: approve and reject, each with what it is about."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries import lifecycle
from deliveries.approval import decisions as approval
from deliveries.desk import DeskStep, Done, Order, prepared, register
from deliveries.lifecycle import Step
from deliveries.models import Delivery
from deliveries.schedule import rescheduling


def _approve(order: Order) -> Done:
    approval.approve(
        delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, comment=order.comment
    )
    return Done(_("Approved: it waits for its confirmation."))


def _reject(order: Order) -> Done:
    approval.reject(delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, comment=order.comment)
    return Done(_("Rejected: it is back in Editing, with your comment."))


def _before_approving(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    lifecycle.check(delivery, Step.APPROVE, by=user, seal=delivery.seal)
    return prepared(delivery) | {"only_change": rescheduling.in_words(delivery)}


for _step in (
    DeskStep("approve", _approve, page="approve", context=_before_approving),
    DeskStep("reject", _reject, page="reject", context=_before_approving),
):  # fmt: skip
    register(_step)
