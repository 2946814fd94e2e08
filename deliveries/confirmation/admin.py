"""The operators' desk on confirmations: the second step of *Confirm send*, and taking it back."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.confirmation import decisions as confirmation
from deliveries.content.findings import Finding
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.models import Delivery
from deliveries.series import calendar


def _confirm(order: Order) -> Done:
    confirmation.confirm(
        delivery=order.delivery, seal=order.seal, by=order.by, at=order.at, typed=order.typed
    )
    if order.delivery.is_recurring:
        return Done(_("Active: each run is prepared ahead of its time."))
    return Done(_("Confirmed."))


def _take_back(order: Order) -> Done:
    confirmation.take_back(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("The confirmation is taken back."))


def _before_confirming(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    question = confirmation.question(delivery=delivery, by=user, at=at)
    warnings = [Finding.from_dict(warning) for warning in question.warnings]
    return {
        "question": question,
        "warnings": warnings,
        "seal": question.seal,
        "upcoming": calendar.of_delivery(delivery, at=at),
    }


for _step in (
    DeskStep("confirm", _confirm, page="confirm", context=_before_confirming, needs_open=True),
    DeskStep("take-back", _take_back),
    DeskStep("activate", _confirm, page="confirm", context=_before_confirming, needs_open=True),
    DeskStep("deactivate", _take_back),
):  # fmt: skip
    register(_step)
