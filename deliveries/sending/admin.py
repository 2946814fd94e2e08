"""The operators' desk on what leaves: pause, resume, stop, and waves that are held."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import Right
from deliveries import lifecycle
from deliveries.desk import DeskStep, Done, Order, register
from deliveries.models import Delivery
from deliveries.sending import control
from deliveries.sending.control import waves


def _pause(order: Order) -> Done:
    control.pause(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("Paused: nothing more is handed over."))


def _resume(order: Order) -> Done:
    control.resume(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_("Resumed."))


def _release_wave(order: Order) -> Done:
    wave = waves.release(delivery=order.delivery, by=order.by, at=order.at)
    return Done(_t("Wave %(number)s may leave.") % {"number": wave.number})


def _stop(order: Order) -> Done:
    stopped = control.stop(delivery=order.delivery, by=order.by, at=order.at)
    if order.delivery.is_recurring:
        return Done(_("The series has ended: there are no more runs."))
    said = _t("Stopped: %(left)s had left, %(cancelled)s never will.") % {
        "left": stopped.left, "cancelled": stopped.cancelled,
    }  # fmt: skip
    return Done(" ".join([said, *stopped.remarks]))


def _before_stopping(delivery: Delivery, user: User, at: datetime) -> dict[str, Any]:
    lifecycle.check(delivery, control.stopping(delivery), by=user)
    return {"ahead": control.before_stopping(delivery)}


def _can_release(delivery: Delivery, user: User, rights: frozenset[Right]) -> bool:
    return Right.START in rights and waves.held(delivery) is not None


for _step in (
    DeskStep("continue", _resume, needs_open=True),
    DeskStep("suspend", _pause),
    DeskStep("end", _stop, page="stop", context=_before_stopping),
    DeskStep("resume", _resume, needs_open=True),
    DeskStep("release-wave", _release_wave, offered=_can_release,
             needs_open=True),
    DeskStep("pause", _pause),
    DeskStep("stop", _stop, page="stop", context=_before_stopping),
):  # fmt: skip
    register(_step)
