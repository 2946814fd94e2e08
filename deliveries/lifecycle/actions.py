"""What people can do about a delivery: each with its label, icon and look, the same on the pages and at the desk.

They stand in the order of their buttons. Some are steps of the life cycle; for the others, the code that takes them
decides who is offered them.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import ApprovalPolicy, User
from deliveries.lifecycle.steps import Step
from deliveries.models import Delivery


@dataclass(frozen=True)
class Action:
    """`look` is primary, danger, quiet, or empty for a plain button."""

    name: str
    label: str | Promise
    icon: str
    step: Step | None = None
    look: str = ""


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("confirm", _("Confirm send"), "send", Step.CONFIRM, look="primary"),
        Action("approve", _("Approve"), "check", Step.APPROVE, look="primary"),
        Action("reject", _("Reject"), "x", Step.REJECT),
        Action("prepare", _("Prepare"), "seal", Step.PREPARE, look="primary"),
        Action("stop-preparation", _("Stop preparation"), "stop", Step.STOP_PREPARATION),
        Action("take-back", _("Take back confirmation"), "arrow-left", Step.TAKE_BACK),
        Action("activate", _("Activate"), "send", Step.ACTIVATE, look="primary"),
        Action("deactivate", _("Take back activation"), "arrow-left", Step.DEACTIVATE),
        Action("continue", _("Resume"), "play", Step.CONTINUE, look="primary"),
        Action("suspend", _("Pause"), "pause", Step.SUSPEND),
        Action("end", _("End series"), "stop", Step.END, look="danger"),
        Action("resume", _("Resume"), "play", Step.RESUME, look="primary"),
        Action("release-wave", _("Release the held wave"), "send"),
        Action("pause", _("Pause"), "pause", Step.PAUSE),
        Action("limit", _("Limit"), "clock"),
        Action("stop", _("Stop sending"), "stop", Step.STOP, look="danger"),
        Action("remainder", _("Send the remainder"), "send", look="primary"),
        Action("unknown-outcomes", _("Decide about unknown outcomes"), "alert"),
        Action("reconcile", _("Reconcile"), "check"),
        Action("proof", _("Send proof"), "mail"),
        Action("duplicate", _("Duplicate"), "copy", look="quiet"),
        Action("remove", _("Delete"), "trash", look="quiet"),
        Action("place", _("Put in a folder"), "file", look="quiet"),
        Action("compute-stats", _("Compute stats"), "refresh"),
    )
}


def is_barred(delivery: Delivery, user: User) -> bool:
    """Whether four-eyes keep the person from approving, because they prepared it or wrote its content."""
    return delivery.policy == ApprovalPolicy.FOUR_EYES and user in delivery.latest_preparation().makers()
