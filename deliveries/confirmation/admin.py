"""The operators' desk on confirmations: the second step of *Confirm send*, and taking it back."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from deliveries.confirmation import decisions as confirmation
from deliveries.content.findings import Finding
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.lifecycle import Step
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
    DeskStep("confirm", _("Confirm send"), _confirm, Step.CONFIRM, page="confirm", context=_before_confirming,
             variant="primary", needs_open=True),
    DeskStep("take-back", _("Take back confirmation"), _take_back, Step.TAKE_BACK),
    DeskStep("activate", _("Activate"), _confirm, Step.ACTIVATE, page="confirm", context=_before_confirming,
             variant="primary", needs_open=True),
    DeskStep("deactivate", _("Take back activation"), _take_back, Step.DEACTIVATE),
):  # fmt: skip
    register(_step)
