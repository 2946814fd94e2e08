"""Accepting or rejecting what was prepared."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import ApprovalPolicy, User
from campaign.lib.refusals import Refusal
from deliveries import lifecycle
from deliveries.lifecycle import Step
from deliveries.models import Approval, Delivery


class SelfApproval(Refusal):
    message = _("%(by)s prepared or wrote this; someone else must approve it.")
    code = "self_approval"


class CommentMissing(Refusal):
    message = _("Say in a comment what must change: whoever prepared it will read it.")
    code = "comment_missing"


@transaction.atomic
def approve(*, delivery: Delivery, seal: str, by: User, at: datetime, comment: str = "") -> Approval:
    """Accept the preparation that `seal` names; its last approval makes the delivery Ready."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.check(delivery, Step.APPROVE, by=by, seal=seal)
    preparation = delivery.latest_preparation()
    if delivery.policy == ApprovalPolicy.FOUR_EYES and by in preparation.makers():
        raise SelfApproval(by=by)
    approval = Approval.objects.create(
        preparation=preparation, accepted=True, by=by, at=at, seal=seal, comment=comment
    )
    lifecycle.move(delivery, Step.APPROVE, by=by, at=at, seal=seal, comment=comment)
    return approval


@transaction.atomic
def reject(*, delivery: Delivery, seal: str, by: User, at: datetime, comment: str) -> Approval:
    """Send the preparation back to Editing, with a comment that says why."""
    delivery = Delivery.objects.locked(delivery.pk)
    lifecycle.check(delivery, Step.REJECT, by=by, seal=seal)
    if not comment.strip():
        raise CommentMissing()
    rejection = Approval.objects.create(
        preparation=delivery.latest_preparation(), accepted=False, by=by, at=at, seal=seal, comment=comment
    )
    lifecycle.move(delivery, Step.REJECT, by=by, at=at, seal=seal, comment=comment)
    return rejection
